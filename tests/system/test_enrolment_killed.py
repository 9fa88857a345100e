"""A terminal that is killed in the middle of an enrolment has kept nothing of it, and punches when it is back."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge import config
from edge.adapters.linux.control_client import ask
from edge.errors import SmartClockerError
from edge.terminal import installed
from tests.support.badge_terminal import added, present, punches, running, smartclocker, wait_for

BADGE = "0004711993"
REQUEST = {
    "do": "enrol",
    "name": "Barack",
    "witness": "a test",
    "language": "en",
    "consent": True,
    "age_attested": True,
    "employer_agreed": True,
    "by": "uid:0",
}


def _kept(site) -> tuple[dict[str, list[str]], set[str]]:
    """Everything in the people file, and the names of all files that outlast the process."""
    loaded = config.load(site.config).config
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        tables = people._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = {table: sorted(map(repr, people._db.execute(f"SELECT * FROM {table}"))) for (table,) in tables}
    state = site.directory / "state"
    gone = ("-wal", "-shm", "control", ".part", ".lock", "last-seen-journal.json")
    return rows, {str(path.relative_to(state)) for path in state.rglob("*") if not path.name.endswith(gone)}


def test_killed_after_the_first_template(site, tmp_path: Path) -> None:
    reader = tmp_path / "reader"
    os.mkfifo(reader)
    site.config.write_text(site.config.read_text() + f'\n[reader]\nkind = "script"\nscript = "{reader}"\n')
    person = added(site, "Ann")
    smartclocker("people", "badge", person, "--config", site.config, typed=BADGE + "\n")
    path = installed.control_path(config.load(site.config).config)
    command = [sys.executable, "-m", "tests.support.enrolling_terminal", str(site.config)]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _until(lambda: _state(path) in {"idle", "looking", "refused"}, process, "it attends")
            present(reader, f"badge {BADGE}")
            _until(lambda: len(punches(site)) == 1, process, "a badge is a punch")
            before = _kept(site)
            taken = threading.Event()

            def told(said: dict) -> None:
                if said.get("taken") and not taken.is_set():
                    taken.set()
                    process.send_signal(signal.SIGKILL)

            with contextlib.suppress(SmartClockerError):  # the terminal goes without a word
                ask(path, REQUEST, told, within_s=150)
            assert taken.is_set()
            assert process.wait(60) == -signal.SIGKILL
        finally:
            process.kill()
    assert _kept(site) == before
    for file in sorted((site.directory / "state").rglob("*")):
        assert not file.is_file() or b"\xff\xd8\xff\xe0\x00\x10JFIF" not in file.read_bytes(), f"{file}: a picture"
    with running(site.config, tmp_path / "second.log") as again:
        wait_for(again, "ready")
        present(reader, f"badge {BADGE}")
        wait_for(again, "  OUT\n")
    assert [one for one, *_ in punches(site)] == [person] * 2
    assert {name: rows for name, rows in _kept(site)[0].items() if rows != before[0][name]} == {}


def _state(path: Path) -> str | None:
    with contextlib.suppress(SmartClockerError):
        return str(ask(path, {"do": "status"})["state"])
    return None


def _until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, what
        assert process.poll() is None, f"it ended before: {what}"
        time.sleep(0.1)
