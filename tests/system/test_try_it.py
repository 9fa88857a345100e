"""docs/try-it.md followed to the letter: every command in its order, with a real broker."""

import contextlib
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/try-it.md"

ON_ERROR = """
trap 'code=$?; echo "ended with $code: $BASH_COMMAND" >&2; [[ $BASH_COMMAND == *" central gaps "* ]] || exit 99' ERR
"""
"""The first command that fails ends it; `central gaps` alone may find something to do."""


def test_the_page_can_be_followed_from_the_first_command_to_the_last(tmp_path: Path) -> None:
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    trial = tmp_path / "trial"
    script = commands.replace("18883", str(port)).replace("/tmp/clock-trial", str(trial))
    traced = ON_ERROR + script
    shell = subprocess.Popen(
        ["bash", "-u", "-c", traced], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        printed, problems = shell.communicate(timeout=600)
    finally:
        with contextlib.suppress(ProcessLookupError):  # the programs that the page started are in its group
            os.killpg(shell.pid, signal.SIGKILL)
    ended = re.findall(r"^ended with (\d+): (.*)$", problems, re.MULTILINE)
    assert [one for one in ended if one != ("1", "smartclocker central gaps centre")] == [], printed + problems
    assert shell.returncode == 0, problems
    assert "corrected  amended" in printed
    assert re.search(r'"direction":"out".*"follows":"depot/gate-1/', printed), printed
    # A door that may not read the records of the other says so with each punch; one that just started, at first.
    assert re.search(r"^.*  depot/gate-2  unplaced  gate-2/", printed, re.MULTILINE), printed
    assert len(re.findall(r"^gate-\d/.* erased .*reason=requested", printed, re.MULTILINE)) == 2
    assert len(re.findall(r"^depot/gate-\d .*ok$", printed, re.MULTILINE)) == 2
    assert not trial.exists()
