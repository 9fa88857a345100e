"""What would be an alarm of the next start, `smartclocker check` says before it."""

import os
import shutil
from pathlib import Path

import pytest

from edge.crypto import key_files
from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.journal import last_seen
from edge.journal.journal import Journal
from edge.journal.quarantine import ensure_usable
from edge.terminal import adapters
from tests.support.checked import begun, check

__all__ = ["check"]  # the fixture


@pytest.fixture
def state(site) -> Path:
    return site.directory / "state"


def write(site, text: str) -> None:
    with site.config.open("a") as file:
        file.write("\n" + text + "\n")


def test_a_coming_model_that_is_not_there(site, check) -> None:
    write(site, f'[recognition]\nshadow = "{site.directory / "none"}"')
    (said,) = check(site.config)
    assert said.startswith(f"recognition.shadow: {site.directory / 'none'}")


@pytest.mark.parametrize(
    "text", ["rubbish", '{"calibration": 1, "model": "another", "shift": 0.0, "made": "2026-01-01"}']
)
def test_a_calibration_that_does_not_count(site, check, state, text: str) -> None:
    begun(site)
    (state / "calibration.json").write_text(text)
    (said,) = check(site.config)
    assert "calibration.json" in said
    assert "--undo" in said


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"\xffrubbish" * 999), Path.mkdir])
def test_images_that_cannot_be_kept(site, check, state, make) -> None:
    begun(site)
    make(state / "evidence.db")
    (said,) = check(site.config)
    assert str(state / "evidence.db") in said


def test_a_journal_that_is_gone(site, check, state) -> None:
    begun(site)
    assert check(site.config) == []
    (state / "journal.reserve").touch()
    for path in state.glob("journal.db*"):
        path.unlink()
    (said,) = check(site.config)
    assert "is gone, and was there" in said


@pytest.mark.parametrize("how", ["set back", "set back and used", "another life"])
def test_a_journal_that_was_set_back_is_said_as_the_next_start_would_say_it(site, check, state, how: str) -> None:
    begun(site)
    origin, identity = Origin("demo", "entrance-1"), key_files.load_identity(site.directory / "identity")
    older = shutil.copytree(state, site.directory / "older")
    with Journal(site.journal, origin, identity) as journal:
        journal.append(Draft(Kind.BOOT, {"version": "2", "models": []}, adapters.clock().evidence()))
        noted = last_seen.note(journal)
    assert check(site.config) == [], "what was noted last is there"
    for path in state.glob("journal.db*"):
        path.unlink()
    if how != "another life":
        for path in older.glob("journal.db*"):
            shutil.copy(path, state)
    if how != "set back":
        with Journal(site.journal, origin, identity) as journal:
            for _ in range(2):
                journal.append(Draft(Kind.BOOT, {"version": "3", "models": []}, adapters.clock().evidence()))
    before = {path.name: path.read_bytes() for path in state.iterdir()}
    (said,) = check(site.config)
    assert str(site.journal) in said
    assert "the next start sets it aside" in said
    assert (noted.epoch if how == "another life" else str(noted.seq)) in said
    assert {path.name: path.read_bytes() for path in state.iterdir()} == before, "it only looks"
    assert ensure_usable(site.journal, origin, identity, adapters.clock().evidence) is not None


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("name", ["journal.db", "people.db"])
def test_what_lies_beside_a_database_and_is_no_file(site, check, state, name: str, end: str, make) -> None:
    begun(site)
    path = state / (name + end)
    path.unlink(missing_ok=True)
    make(path)
    (said,) = check(site.config)
    assert said == f"storage.state: {path}: is not a file; move it away, or the next start sets it aside"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_reserve_that_is_no_file(site, check, state, make) -> None:
    begun(site)
    path = state / "journal.reserve"
    path.unlink(missing_ok=True)
    make(path)
    (said,) = check(site.config)
    assert said.startswith(f"storage.state: {path}: is no file, so that nothing is reserved (reserve-short)")


def test_a_reader_that_is_none(site, check) -> None:
    path = site.directory / "reader"
    path.mkdir()
    write(site, f'[reader]\nkind = "script"\nscript = "{path}"')
    (said,) = check(site.config)
    assert said.startswith(f"reader.script: {path} is no file and no FIFO")
    path.rmdir()
    os.mkfifo(path)
    assert check(site.config) == []
