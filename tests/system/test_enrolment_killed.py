"""A terminal that is killed in the middle of an enrolment has kept nothing of it, and punches when it is back."""

import contextlib
import os
import signal
import threading
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
    gone = ("-wal", "-shm", "control", ".lock")
    return rows, {str(path.relative_to(state)) for path in state.rglob("*") if not path.name.endswith(gone)}


def test_killed_after_the_first_template(site, tmp_path: Path) -> None:
    reader = tmp_path / "reader"
    os.mkfifo(reader)
    site.config.write_text(site.config.read_text() + f'\n[reader]\nkind = "script"\nscript = "{reader}"\n')
    person = added(site, "Ann")
    smartclocker("people", "badge", person, "--config", site.config, typed=BADGE + "\n")
    with running(site.config, tmp_path / "first.log") as process:
        wait_for(process, "ready")
        present(reader, f"badge {BADGE}")
        wait_for(process, "  IN\n")
        before = _kept(site)
        taken = threading.Event()

        def told(said: dict) -> None:
            if said.get("taken") and not taken.is_set():
                taken.set()
                process.send_signal(signal.SIGKILL)

        loaded = config.load(site.config).config
        with contextlib.suppress(SmartClockerError):  # the terminal goes without a word
            ask(installed.control_path(loaded), REQUEST, told, within_s=150)
        assert taken.is_set()
        assert process.wait(60) == -signal.SIGKILL
    assert _kept(site) == before
    for path in sorted((site.directory / "state").rglob("*")):
        assert not path.is_file() or b"\xff\xd8\xff" not in path.read_bytes(), f"{path}: a picture"
    with running(site.config, tmp_path / "second.log") as process:
        wait_for(process, "ready")
        present(reader, f"badge {BADGE}")
        wait_for(process, "  OUT\n")
    assert [one for one, *_ in punches(site)] == [person] * 2
