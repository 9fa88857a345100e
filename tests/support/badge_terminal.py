"""A terminal with a badge reader, as a program of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge import config
from edge.crypto import dsse
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Kind
from edge.terminal import installed


@contextmanager
def running(path: Path, log: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.support.program", "run", "--config", str(path)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(300)


def wait_for(process: "subprocess.Popen[str]", text: str, *, never: str = "\0") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        assert never not in line, line
        if text in line:
            return
    raise AssertionError(f"the terminal ended before it said {text!r}")


def smartclocker(*words: object, typed: str = "") -> str:
    command = [sys.executable, "-m", "edge", *map(str, words)]
    done = subprocess.run(command, input=typed, text=True, capture_output=True, timeout=300, check=True)
    assert not typed or typed not in done.stdout + done.stderr
    return done.stdout


def added(site, name: str) -> str:
    said = smartclocker("people", "add", name, "--age-13-or-older", "--config", site.config)
    return said.split()[1].rstrip(":")


def present(reader: Path, line: str) -> None:
    with reader.open("w") as fifo:
        fifo.write(line + "\n")


def punches(site) -> list[tuple[str, str, str]]:
    loaded = config.load(site.config).config
    with installed.open_journal(loaded, installed.load_secrets(loaded)) as journal:
        found = [decode(dsse.parse(one.wire).payload) for one in journal.envelopes(0, 1_000)]
    return [
        (one.data["person"], one.data["method"], one.data["liveness"]) for one in found if one.kind == Kind.PUNCH
    ]
