"""No folder, pipe or link under the names that SQLite takes beside a database keeps it from being opened."""

import os
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.errors import JournalError
from edge.evidence_images.schema import STORE
from edge.journal.journal import Journal
from edge.journal.quarantine import ensure_usable
from edge.journal.verify import opened
from edge.people.people_store import People
from edge.people.roster.state import RosterState
from edge.people.site.store import SiteStore
from edge.storage import side_files
from tests.support.clock import NOW

KEY, ORIGIN = SigningKey(b"i" * 32), Origin("main", "gate-1")
STRANGE = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to nowhere": lambda path: path.symlink_to(path.with_name("no") / "where"),
    "a link to a folder": lambda path: path.symlink_to(path.parent),
}


def begin_journal(path: Path) -> None:
    with Journal(path, ORIGIN, KEY) as journal:
        journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, NOW))


def open_journal(path: Path) -> None:
    assert ensure_usable(path, ORIGIN, KEY, lambda: NOW) is None, "what was in it is there"
    with Journal(path, ORIGIN, KEY) as journal:
        assert journal.head().seq == 1


def open_evidence(path: Path) -> None:
    STORE.connect(path).close()


OPENED = {
    "people.db": (lambda path: People(path, b"k" * 32).close(),) * 2,
    "roster.db": (lambda path: RosterState(path).close(),) * 2,
    "site.db": (lambda path: SiteStore(path, "main").close(),) * 2,
    "journal.db": (begin_journal, open_journal),
    "evidence.db": (lambda path: STORE.create(path, "CREATE TABLE t (a)", lambda _db: None), open_evidence),
}


@pytest.mark.parametrize("make", STRANGE)
@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("name", OPENED)
def test_what_is_no_file_is_set_aside_and_the_database_opens(
    tmp_path: Path, name: str, end: str, make: str
) -> None:
    path = tmp_path / name
    begin, again = OPENED[name]
    begin(path)
    beside = path.with_name(name + end)
    beside.unlink(missing_ok=True)
    STRANGE[make](beside)
    again(path)
    assert len(list(tmp_path.glob(f"{name}{end}.*.was-there"))) == 1, "nothing is deleted"


@pytest.mark.parametrize("make", STRANGE)
@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("name", ["people.db", "roster.db"])
def test_what_lies_there_before_the_database_keeps_it_from_nothing(
    tmp_path: Path, name: str, end: str, make: str
) -> None:
    STRANGE[make](tmp_path / (name + end))
    OPENED[name][0](tmp_path / name)


@pytest.mark.parametrize("make", STRANGE)
def test_a_journal_that_is_damaged_is_set_aside_beside_a_strange_file(tmp_path: Path, make: str) -> None:
    path = tmp_path / "journal.db"
    begin_journal(path)
    path.write_bytes(b"rubbish" * 999)
    STRANGE[make](path.with_name("journal.db-wal"))
    assert ensure_usable(path, ORIGIN, KEY, lambda: NOW) is not None
    begin_journal(path)


def test_who_only_reads_waits_for_no_pipe_and_moves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal(path, ORIGIN, KEY):
        os.mkfifo(path.with_name("journal.db-journal"))
        with pytest.raises(JournalError, match="is not a file; move it away"), opened(path):
            pass
        assert path.with_name("journal.db-journal").is_fifo()


def test_a_file_that_was_made_meanwhile_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wal = tmp_path / "people.db-wal"
    wal.write_bytes(b"committed")
    monkeypatch.setattr(side_files, "strange", lambda database: [wal])
    side_files.set_aside(tmp_path / "people.db")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(wal.name, b"committed")]
