"""A terminal as a program of its own, whose console lights are read."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

GREEN = re.compile(r'  ((ALREADY )?(IN|OUT)|ALREADY ON BREAK|BREAK BEGINS|BREAK ENDS: IN)\\n"')


@contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """A process whose standard output is read, and which does not outlive the test."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lights(process: "subprocess.Popen[str]", wanted: int) -> None:
    """Read its console until so many punches were shown."""
    assert process.stdout is not None
    for line in process.stdout:
        wanted -= line.endswith(("  IN\n", "  OUT\n"))
        if wanted == 0:
            return
    raise AssertionError("the terminal ended before it had shown every punch")
