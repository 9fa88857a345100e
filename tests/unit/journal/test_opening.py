"""Opening a journal: each way in which a file is not ours, not whole or not usable; nothing is ever deleted."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.domain.protocol.record import Draft, Origin
from edge.errors import JournalAltered, JournalError
from edge.journal.journal import Journal
from edge.journal.schema import JOURNAL

Punch = Callable[..., Draft]
Open = Callable[[], Journal]


@pytest.fixture
def closed(open_journal: Open, journal: Path, punch: Punch) -> Path:
    """A journal of five records, cleanly closed."""
    with open_journal() as ring:
        for _ in range(5):
            ring.append(punch())
    return journal


@pytest.fixture
def crashed(open_journal: Open, tmp_path: Path, punch: Punch) -> Path:
    """What a power cut leaves: the main file and a write-ahead file of five commits."""
    ring = open_journal()
    for _ in range(5):
        ring.append(punch())
    place = tmp_path / "crashed"
    place.mkdir()
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"journal.db{end}", place / f"journal.db{end}")
    return place / "journal.db"


def sql(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_another_terminals_journal_is_refused(closed: Path, identity: SigningKey) -> None:
    with pytest.raises(JournalError, match="the journal of hq/door-1, not of hq/door-2"):
        Journal(closed, Origin("hq", "door-2"), identity)


def test_another_keys_journal_is_refused(closed: Path, origin: Origin) -> None:
    with pytest.raises(JournalError, match="bring back that identity"):
        Journal(closed, origin, SigningKey.generate())


def test_a_newer_format_is_refused(closed: Path, open_journal: Open) -> None:
    sql(closed, "PRAGMA user_version = 99")
    with pytest.raises(JournalError, match=f"format 99, this program reads {JOURNAL.version}; install"):
        open_journal()


def test_another_programs_database_is_refused(journal: Path, open_journal: Open) -> None:
    sql(journal, "CREATE TABLE photos (id)")
    before = journal.read_bytes()
    with pytest.raises(JournalError, match="not a journal"):
        open_journal()
    assert journal.read_bytes() == before


@pytest.mark.parametrize("keep", [0, 1, 15, 99, 511])
def test_a_truncated_file_is_kept_as_it_is(closed: Path, open_journal: Open, keep: int) -> None:
    content = closed.read_bytes()[:keep]
    closed.write_bytes(content)
    with pytest.raises(JournalError, match="truncated, or not a journal; nothing was changed"):
        open_journal()
    assert closed.read_bytes() == content
    assert [path.name for path in closed.parent.iterdir()] == ["journal.db"]


@pytest.mark.parametrize("keep", [4096, 5000, 12_288])
def test_a_file_cut_in_the_middle_is_refused(closed: Path, open_journal: Open, keep: int) -> None:
    closed.write_bytes(closed.read_bytes()[:keep])
    with pytest.raises(JournalError, match="damaged; keep the file"):
        open_journal()
    assert closed.stat().st_size == keep


def test_garbage_is_refused(journal: Path, open_journal: Open) -> None:
    journal.write_bytes(b"\x89PNG" * 2000)
    with pytest.raises(JournalError, match="not a journal"):
        open_journal()


def test_a_directory_in_its_place(journal: Path, open_journal: Open) -> None:
    journal.mkdir()
    with pytest.raises(JournalError, match="cannot be read"):
        open_journal()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET payload = CAST(replace(CAST(payload AS TEXT), 'high', 'low') AS BLOB) WHERE seq = 5",
        "UPDATE records SET signature = zeroblob(64) WHERE seq = 5",
        "UPDATE records SET signature = zeroblob(63) WHERE seq = 5",
        "UPDATE records SET person = 'bbbbbbbbbbbbbbbbbbbbbbbbbb' WHERE seq = 5",
        "UPDATE records SET kind = 'suppressed' WHERE seq = 5",
        "UPDATE records SET seq = 6 WHERE seq = 5",
        "DELETE FROM records WHERE seq = 4",
        "INSERT INTO records SELECT 6, kind, person, payload, signature FROM records WHERE seq = 5",
        "INSERT INTO receipt VALUES (1, 9, x'')",
        "UPDATE meta SET value = '0123456789abcdef0123456789abcdef' WHERE name = 'epoch'",
        "UPDATE meta SET value = 'x' WHERE name = 'epoch'",
        "DELETE FROM meta",
    ],
)
def test_an_altered_end_is_refused(closed: Path, open_journal: Open, statement: str) -> None:
    sql(closed, statement)
    before = closed.read_bytes()
    with pytest.raises(JournalAltered, match="keep the file") as caught:
        open_journal()
    assert caught.value.exit_code == 65
    assert closed.read_bytes() == before


def test_a_crash_loses_nothing(crashed: Path, origin: Origin, identity: SigningKey, punch: Punch) -> None:
    with Journal(crashed, origin, identity) as ring:
        assert not ring.torn
        assert ring.append(punch()).seq == 6


def test_a_torn_last_transaction_is_dropped_and_told(
    crashed: Path, origin: Origin, identity: SigningKey, punch: Punch
) -> None:
    wal = crashed.with_name("journal.db-wal")
    content = bytearray(wal.read_bytes())
    content[-2000] ^= 1  # in the last commit's page
    wal.write_bytes(content)
    with Journal(crashed, origin, identity) as ring:
        assert ring.torn
        assert ring.head().seq == 4
        assert ring.append(punch()).seq == 5
    with Journal(crashed, origin, identity) as ring:
        assert not ring.torn


@pytest.mark.parametrize("offset", [3, 20, 40, 32 + 24 + 100, 6000])
def test_a_damaged_write_ahead_file_is_refused_and_kept(
    crashed: Path, origin: Origin, identity: SigningKey, offset: int
) -> None:
    wal = crashed.with_name("journal.db-wal")
    content = bytearray(wal.read_bytes())
    content[offset] ^= 1
    wal.write_bytes(content)
    with pytest.raises(JournalAltered, match="keep the file and its -wal"):
        Journal(crashed, origin, identity)
    assert wal.read_bytes() == content


def test_a_write_ahead_file_without_its_journal(crashed: Path, origin: Origin, identity: SigningKey) -> None:
    crashed.unlink()
    with pytest.raises(JournalError, match="bring the journal back"):
        Journal(crashed, origin, identity)
    assert [path.name for path in crashed.parent.iterdir()] == ["journal.db-wal"]


@pytest.fixture
def lent() -> Iterator[Path]:
    """A directory that another user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_directory_names_the_cure(
    lent: Path, origin: Origin, identity: SigningKey, request: pytest.FixtureRequest
) -> None:
    Journal(lent / "journal.db", origin, identity).close()
    (lent / "journal.db").chmod(0o644)
    lent.chmod(0o555)
    request.getfixturevalue("as_nobody")
    with pytest.raises(JournalError, match="writable by this user"):
        Journal(lent / "journal.db", origin, identity)
    with pytest.raises(JournalError, match="writable by this"):
        Journal(lent / "new.db", origin, identity)
    assert sorted(path.name for path in lent.iterdir()) == ["journal.db"]


def test_an_unreadable_journal_names_the_cure(
    lent: Path, origin: Origin, identity: SigningKey, request: pytest.FixtureRequest
) -> None:
    Journal(lent / "journal.db", origin, identity).close()
    (lent / "journal.db").chmod(0o000)
    request.getfixturevalue("as_nobody")
    with pytest.raises(JournalError, match="readable by this user"):
        Journal(lent / "journal.db", origin, identity)


def test_two_that_create_at_once_share_one_epoch(journal: Path, origin: Origin, identity: SigningKey) -> None:
    from edge.journal import schema

    first = Journal(journal, origin, identity)
    schema.create(journal, origin, identity)  # lost the race: leaves the other's alone
    second = Journal(journal, origin, identity)
    assert first.epoch == second.epoch
    first.close()
    second.close()
    assert [path.name for path in journal.parent.iterdir()] == ["journal.db"]


def test_each_journal_has_its_own_epoch(tmp_path: Path, origin: Origin, identity: SigningKey) -> None:
    epochs = set()
    for number in range(5):
        with Journal(tmp_path / f"{number}.db", origin, identity) as ring:
            epochs.add(ring.epoch)
    assert len(epochs) == 5


def test_a_journal_of_format_1_is_brought_up_to_date(closed: Path, open_journal: Open, punch: Punch) -> None:
    sql(closed, "DROP TABLE commands", "PRAGMA user_version = 1")
    with open_journal() as ring:
        assert ring.head().seq == 5
        assert ring.take_command("c" * 32, punch()) is not None
    with open_journal() as ring:
        assert ring.take_command("c" * 32, punch()) is None
        assert ring.head().seq == 6
