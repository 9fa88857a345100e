"""A journal that cannot be used is set aside whole; what was in it can still be read."""

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey, VerifyKey

from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Draft, Origin, decode
from edge.domain.protocol.record_kinds import GapCause, Kind
from edge.errors import JournalError
from edge.journal import quarantine, wal_check
from edge.journal.diagnosis import mark_suspect
from edge.journal.journal import Journal
from edge.journal.quarantine import ensure_usable
from edge.journal.recovery import Salvage, carve, written_by
from edge.journal.verify import verify_file
from tests.support.clock import NOW

Punch = Callable[..., Draft]
Open = Callable[[], Journal]


@pytest.fixture
def begin(journal: Path, origin: Origin, identity: SigningKey) -> Callable[[], Path | None]:
    return lambda: ensure_usable(journal, origin, identity, lambda: NOW)


@pytest.fixture
def full(open_journal: Open, journal: Path, punch: Punch, receipt_for: Callable[..., Receipt]) -> Path:
    """Forty records, ten of them receipted, cleanly closed."""
    with open_journal() as ring:
        for _ in range(40):
            ring.append(punch())
        ring.acknowledge(receipt_for(ring, 10), b"{}")
    return journal


def break_page(path: Path, number: int) -> None:
    with path.open("r+b") as file:
        file.seek(number * 4096)
        file.write(os.urandom(4096))


def gap_of(ring: Journal) -> dict:
    (first,) = ring.envelopes(0, 1)
    record = decode(ring._db.execute("SELECT payload FROM records WHERE seq = 1").fetchone()[0])
    assert first.kind == Kind.GAP
    return dict(record.data)


def test_a_first_boot_and_a_sound_journal_are_left_alone(begin: Callable, full: Path) -> None:
    before = full.read_bytes()
    assert begin() is None
    assert full.read_bytes() == before
    full.unlink()
    assert begin() is None
    assert not full.exists(), "the ring makes it"


def damage_root(path: Path) -> None:
    break_page(path, 0)


def truncate(path: Path) -> None:
    os.truncate(path, 300)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def alter_last(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE records SET signature = zeroblob(64) WHERE seq = 40")


@pytest.mark.parametrize(
    ("harm", "cause", "known"),
    [
        (damage_root, GapCause.UNREADABLE, "by its bytes"),
        (truncate, GapCause.UNREADABLE, ""),
        (empty, GapCause.UNREADABLE, ""),
        (alter_last, GapCause.ALTERED, "whole"),
    ],
)
def test_what_cannot_be_used_is_set_aside_and_a_gap_begins_the_new_epoch(
    begin: Callable, full: Path, open_journal: Open, keys: dict, harm: Callable, cause: GapCause, known: str
) -> None:
    with open_journal() as ring:
        old = ring.epoch
    harm(full)
    harmed = full.read_bytes()
    folder = begin()
    assert folder is not None
    assert (folder / "journal.db").read_bytes() == harmed, "whole, to the byte"
    assert begin() is None, "and it is done once"
    with open_journal() as ring:
        gap = gap_of(ring)
        assert ring.epoch != old
    assert gap["cause"] == cause
    assert gap["quarantine"] == folder.name
    read = {"whole": (old, 40, 10), "by its bytes": (old, 40, 0), "": (None, 0, 0)}
    assert (gap["previous_epoch"], gap["previous_head"], gap["receipted"]) == read[known]
    assert verify_file(full, keys).ok


def test_a_damaged_write_ahead_file_goes_with_its_journal(
    begin: Callable, open_journal: Open, journal: Path, punch: Punch, tmp_path: Path
) -> None:
    ring = open_journal()
    for _ in range(5):
        ring.append(punch())
    copies = {end: (tmp_path / f"journal.db{end}").read_bytes() for end in ("", "-wal")}
    old = ring.epoch
    ring.close()
    (tmp_path / "journal.db").write_bytes(copies[""])
    broken = bytearray(copies["-wal"])
    broken[32 + 24 + 100] ^= 1
    wal_check.wal_path(journal).write_bytes(broken)
    folder = begin()
    assert folder is not None
    assert (folder / "journal.db-wal").read_bytes() == bytes(broken)
    with open_journal() as ring:
        gap = gap_of(ring)
    assert gap["cause"] == GapCause.ALTERED
    assert (gap["previous_epoch"], gap["previous_head"]) == (old, 5), "found in the write-ahead file"


def test_a_journal_that_vanished_is_a_gap_too(
    begin: Callable, full: Path, open_journal: Open, caplog: pytest.LogCaptureFixture
) -> None:
    full.with_suffix(".reserve").touch()
    full.unlink()
    assert begin() is not None
    assert ("lies whole" in caplog.text, "Look for the file" in caplog.text) == (False, True)
    with open_journal() as ring:
        assert gap_of(ring)["cause"] == GapCause.MISSING


@pytest.mark.parametrize("wrong", ["another terminal", "another key", "a newer format"])
def test_what_is_not_damage_is_not_touched(full: Path, origin: Origin, identity: SigningKey, wrong: str) -> None:
    if wrong == "a newer format":
        with contextlib.closing(sqlite3.connect(full)) as db, db:
            db.execute("PRAGMA user_version = 99")
    before = full.read_bytes()
    who = Origin("hq", "door-2") if wrong == "another terminal" else origin
    key = SigningKey.generate() if wrong == "another key" else identity
    with pytest.raises(JournalError):
        ensure_usable(full, who, key, lambda: NOW)
    assert full.read_bytes() == before
    assert not (full.parent / "quarantine").exists()


def test_a_journal_that_may_not_be_read_is_not_called_damaged(full: Path, begin: Callable, as_nobody: None) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        begin()


@pytest.mark.parametrize("step", range(9))
def test_an_interruption_at_any_step_is_finished_by_the_next_start(
    begin: Callable, full: Path, open_journal: Open, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    harmed = bytearray(full.read_bytes())
    harmed[:4096] = bytes(4096)
    full.write_bytes(harmed)
    calls = iter(range(100))

    def interrupted(name: str, real: Callable) -> Callable:
        def act(*words: object, **more: object) -> object:
            if next(calls) == step:
                raise OSError(5, f"cut before {name}")
            return real(*words, **more)

        return act

    for place, name in (
        (quarantine.os, "link"),
        (quarantine, "sync_directory"),
        (quarantine.durable_file, "replace"),
        (quarantine.schema, "create"),
        (Path, "unlink"),
        (Path, "rename"),
    ):
        monkeypatch.setattr(place, name, interrupted(name, getattr(place, name)))
    with contextlib.suppress(OSError):
        begin()
    assert next(calls) > step, "there are so many steps"
    monkeypatch.undo()
    for end in ("-wal", "-shm"):
        full.with_name(full.name + end).unlink(missing_ok=True)
    begin()
    assert begin() is None
    kept = list(full.parent.glob("quarantine/*/journal.db"))
    assert [path.read_bytes() for path in kept] == [bytes(harmed)]
    with open_journal() as ring:
        assert gap_of(ring)["quarantine"] == kept[0].parent.name


def test_damage_that_was_met_in_use_is_looked_for_at_the_next_start(
    begin: Callable, full: Path, open_journal: Open
) -> None:
    with contextlib.closing(sqlite3.connect(full)) as db, db:
        root = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'punch_by_person'").fetchone()[0]
    break_page(full, root - 1)
    assert begin() is None, "the last records are sound: no start reads everything"
    mark_suspect(full)
    assert begin() is not None
    with open_journal() as ring:
        assert gap_of(ring)["cause"] == GapCause.UNREADABLE
    assert not full.with_suffix(".suspect").exists()


def test_a_suspicion_without_ground_is_dropped(
    begin: Callable, full: Path, origin: Origin, identity: SigningKey
) -> None:
    slow: list[bool] = []

    def start() -> Path | None:
        marked = lambda: slow.append(full.with_suffix(".suspect").exists())  # noqa: E731
        return ensure_usable(full, origin, identity, lambda: NOW, slow=marked)

    assert (start(), slow) == (None, []), "an ordinary start reads the end alone, and asks for no time"
    mark_suspect(full)
    assert (start(), slow) == (None, [True]), "it is said before all is read"
    assert not full.with_suffix(".suspect").exists()


def test_everything_that_verifies_is_saved_from_a_file_without_its_first_page(full: Path, keys: dict) -> None:
    break_page(full, 0)
    with Salvage(full, keys) as saved:
        (epoch,) = saved.epochs()
        assert (epoch.records, epoch.first_seq, epoch.last_seq, epoch.missing) == (40, 1, 40, 0)
        assert [decode(payload).position.seq for payload, _ in saved.records(epoch.epoch, epoch.keyid)] == list(
            range(1, 41)
        )


def test_what_lies_in_the_write_ahead_file_is_saved_too(
    open_journal: Open, punch: Punch, keys: dict, tmp_path: Path
) -> None:
    ring = open_journal()
    for _ in range(6):
        ring.append(punch())
    place = tmp_path / "copy"
    place.mkdir()
    shutil.copy(tmp_path / "journal.db-wal", place / "journal.db-wal")
    with Salvage(place / "journal.db", keys) as saved:
        assert saved.epochs()[0].records == 6


def test_a_record_longer_than_a_page_is_saved_as_long_as_sqlite_reads_it(
    open_journal: Open, journal: Path, punch: Punch, keys: dict
) -> None:
    with open_journal() as ring:
        ring.append(punch(note="x" * 9_000))
        ring.append(punch())
    with Salvage(journal, keys) as saved:
        assert saved.epochs()[0].records == 2


def test_what_does_not_verify_is_not_saved(full: Path, identity: SigningKey) -> None:
    other: dict[str, VerifyKey] = {"x": SigningKey.generate().verify_key}
    with Salvage(full, other) as saved:
        assert saved.epochs() == []
        assert saved.unverified >= 40


def test_whose_key_signed_a_journal_is_its_own_word_and_never_more_than_an_id(
    full: Path, keys: dict, tmp_path: Path
) -> None:
    assert written_by(full) == next(iter(keys))
    with contextlib.closing(sqlite3.connect(full, isolation_level=None)) as db:
        db.execute("UPDATE meta SET value = 'x; reboot' WHERE name = 'keyid'")
    assert written_by(full) is None
    assert written_by(tmp_path / "nothing") is None
    break_page(full, 0)
    assert written_by(full) is None


def test_rubbish_is_searched_without_harm(tmp_path: Path) -> None:
    path = tmp_path / "rubbish"
    path.write_bytes(b'{"specversion":"1.0","id":"' * 2_000 + b"}}}" * 500 + os.urandom(10_000))
    assert list(carve(path)) == []


def test_a_recovery_without_a_journal_is_refused(tmp_path: Path, keys: dict) -> None:
    with pytest.raises(JournalError, match=r"name a journal\.db"):
        Salvage(tmp_path / "journal.db", keys)


def test_the_note_says_what_the_record_says(begin: Callable, full: Path, open_journal: Open) -> None:
    alter_last(full)
    folder = begin()
    assert folder is not None
    note = json.loads((folder / "report.json").read_text())
    with open_journal() as ring:
        assert gap_of(ring) == note


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff{",
        b"[" * 100_000,
        b"[]",
        b'{"a": 1}',
        b'{"previous_epoch": 7, "previous_head": -1, "receipted": 0, "cause": "x", "quarantine": "elsewhere"}',
        b'{"previous_epoch": null, "previous_head": -1, "receipted": 0, "cause": "altered", "quarantine": "found"}',
    ],
)
def test_a_damaged_note_keeps_no_terminal_down(
    begin: Callable, full: Path, open_journal: Open, note: bytes
) -> None:
    folder = full.parent / "quarantine" / "found"
    folder.mkdir(parents=True)
    (folder / "gap.json").write_bytes(note)
    harmed = full.read_bytes()[:300]
    full.write_bytes(harmed)
    assert begin() == folder
    assert (folder / "journal.db").read_bytes() == harmed
    with open_journal() as ring:
        gap = gap_of(ring)
    assert (gap["previous_epoch"], gap["cause"], gap["quarantine"]) == (None, "unreadable", "found")
    assert begin() is None


@pytest.mark.parametrize("kind", ["a folder", "rubbish", "a genuine note"])
def test_a_strangers_note_takes_no_journal_that_is_whole_out_of_use(
    begin: Callable, full: Path, open_journal: Open, kind: str
) -> None:
    folder = full.parent / "quarantine" / "found"
    folder.mkdir(parents=True)
    note = folder / "gap.json"
    if kind == "a folder":
        note.mkdir()
    else:
        genuine = {"previous_epoch": None, "previous_head": 0, "receipted": 0, "cause": "altered"}
        note.write_text("{" if kind == "rubbish" else json.dumps({**genuine, "quarantine": "found"}))
    with open_journal() as ring:
        head = ring.head()
    assert begin() is None
    with open_journal() as ring:
        assert ring.head() == head
    assert not note.exists()


def test_a_journal_whose_copy_lies_in_its_folder_already_is_set_aside_once(begin: Callable, full: Path) -> None:
    alter_last(full)
    folder = begin()
    shutil.copy(folder / full.name, full)  # what a cut may leave where a file is not the same under both names
    (folder / "report.json").rename(folder / "gap.json")
    assert begin() == folder
    assert [one.name for one in folder.parent.iterdir()] == [folder.name]
    assert (folder / "report.json").exists()


def test_a_folder_that_was_put_back_from_before_it_was_finished_costs_no_record(
    begin: Callable, full: Path, open_journal: Open
) -> None:
    full.write_bytes(b"damaged")
    first = begin()
    full.write_bytes(b"damaged again")
    begin()
    (first / "report.json").rename(first / "gap.json")
    with open_journal() as ring:
        head, epoch = ring.head(), ring.epoch
    assert begin() is None
    with open_journal() as ring:
        assert (ring.head(), ring.epoch) == (head, epoch)
    assert (first / "journal.db").read_bytes() == b"damaged"
    (first / "gap.json").write_bytes(b"{")
    full.write_bytes(b"a third time")  # beside the same note
    third = begin()
    assert third != first
    assert (first / "journal.db").read_bytes() == b"damaged"
    assert (third / "journal.db").read_bytes() == b"a third time"
