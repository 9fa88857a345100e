"""A journal that is gone, set back or exchanged is noticed by what lies beside it."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.domain.protocol.record import Draft, Origin, decode
from edge.domain.protocol.record_kinds import GapCause, Kind
from edge.errors import JournalDamaged
from edge.journal import last_seen
from edge.journal.diagnosis import is_vanished
from edge.journal.journal import Journal
from edge.journal.last_seen import Seen
from edge.journal.quarantine import ensure_usable
from edge.terminal.attendance.journal_watch import Noting
from tests.support.clock import NOW

Punch, Open = Callable[..., Draft], Callable[[], Journal]


@pytest.fixture
def begin(journal: Path, origin: Origin, identity: SigningKey) -> Callable[..., Path | None]:
    return lambda lived=False: ensure_usable(journal, origin, identity, lambda: NOW, lambda: lived)


@pytest.fixture
def used(open_journal: Open, punch: Punch) -> Callable[[int], str]:
    """So many more records, and noted; the epoch."""

    def use(count: int, **changes: object) -> str:
        with open_journal() as ring:
            for _ in range(count):
                ring.append(punch(**changes))
            last_seen.note(ring)
            return ring.epoch

    return use


def gap_of(ring: Journal) -> dict:
    record = decode(ring.payload_at(1) or b"")
    assert record.kind == Kind.GAP
    return dict(record.data)


def take_away(journal: Path, *, reserve: bool = True) -> None:
    for file in journal.parent.glob("journal*"):
        if reserve or file.suffix != ".reserve":
            file.unlink()


def test_a_removed_journal_is_named_by_what_was_seen_of_it(journal, begin, used, open_journal):
    epoch = used(7)
    take_away(journal)
    assert begin() is not None
    with open_journal() as ring:
        gap = gap_of(ring)
    assert (gap["previous_epoch"], gap["previous_head"], gap["cause"]) == (epoch, 7, GapCause.MISSING)
    assert begin() is None


@pytest.mark.parametrize("trace", ["what lives beside it", "a quarantine", "a reserve"])
def test_a_journal_that_is_gone_with_what_was_seen_is_a_gap_by_any_other_trace(
    journal, begin, used, open_journal, trace
):
    used(3)
    take_away(journal)
    last_seen.forget(journal)
    if trace == "a quarantine":
        (journal.parent / "quarantine" / "20260101").mkdir(parents=True)
    if trace == "a reserve":
        journal.with_suffix(".reserve").touch()
    assert is_vanished(journal, lambda: trace == "what lives beside it")
    assert begin(lived=trace == "what lives beside it") is not None
    with open_journal() as ring:
        assert gap_of(ring)["previous_epoch"] is None


def test_a_first_boot_has_no_trace(journal, begin):
    assert not is_vanished(journal, lambda: False)
    assert begin() is None


@pytest.mark.parametrize("used_since", [0, 2, 9])
def test_a_journal_that_was_set_back_alone_is_set_aside(
    journal, begin, used, open_journal, punch, tmp_path, used_since
):
    epoch = used(5)
    older = shutil.copytree(journal.parent, tmp_path / "older")
    used(4)
    take_away(journal)
    for file in older.glob("journal.db*"):
        shutil.copy(file, journal.parent)
    with open_journal() as ring:
        for _ in range(used_since):
            ring.append(punch(direction="out"))
    assert begin() is not None
    with open_journal() as ring:
        gap = gap_of(ring)
        assert ring.epoch != epoch
    assert (gap["previous_epoch"], gap["cause"]) == (epoch, GapCause.ALTERED)
    assert gap["previous_head"] == max(9, 5 + used_since)
    assert begin() is None, "once"


def test_a_journal_of_another_life_is_set_aside(journal, begin, used, open_journal):
    epoch = used(5)
    take_away(journal)
    with open_journal() as ring:
        ring.append(Draft(Kind.BOOT, {"version": "1", "models": []}, NOW))
    assert begin() is not None
    with open_journal() as ring:
        gap = gap_of(ring)
    assert (gap["previous_epoch"], gap["previous_head"], gap["cause"]) == (epoch, 5, GapCause.ALTERED)


def test_a_first_record_that_says_nothing_keeps_no_terminal_down(journal, begin, used, open_journal):
    used(5)
    take_away(journal)
    with open_journal() as ring:
        for _ in range(3):
            ring.append(Draft(Kind.BOOT, {"version": "1", "models": []}, NOW))
    with contextlib.closing(sqlite3.connect(journal)) as db:
        db.execute("UPDATE records SET payload = x'ff' WHERE seq = 1")
        db.commit()
    assert begin() is not None
    assert begin() is None


@pytest.mark.parametrize(
    "how", ["noted before the end", "never noted", "the note is damaged", "cut before the note"]
)
def test_an_ordinary_end_is_no_contradiction(journal, begin, used, open_journal, punch, how):
    """A crash keeps the last records from being noted, and a note may be lost: neither says anything."""
    used(5)
    if how == "noted before the end":
        with open_journal() as ring:
            ring.append(punch())
    elif how == "never noted":
        last_seen.forget(journal)
    elif how == "the note is damaged":
        last_seen.path_of(journal).write_bytes(b"\xff" * 2_000)
    else:
        take_away(journal)
        before = last_seen.path_of(journal).read_bytes()
        assert begin() is not None
        last_seen.path_of(journal).write_bytes(before)
    assert begin() is None


E, H = "e" * 32, "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"epoch":"e","seq":1,"hash":"0"}',
        f'{{"epoch":"{E}","seq":1.0,"hash":"{H}"}}',
        f'{{"epoch":"{E}","seq":-1,"hash":"{H}"}}',
        f'{{"epoch":"{E}","seq":true,"hash":"{H}"}}',
        f'{{"epoch":"{E}","seq":1,"hash":null}}',
    ],
)
def test_a_note_that_cannot_be_read_says_nothing(journal, text):
    last_seen.path_of(journal).write_text(text)
    assert last_seen.read(journal) is None


def test_a_note_is_private_and_replaces_the_one_before(journal, used, open_journal):
    used(2)
    epoch = used(1)
    with open_journal() as ring:
        assert last_seen.read(journal) == Seen(epoch, 3, ring.head().hash)
    assert last_seen.path_of(journal).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in journal.parent.glob(".last*")] == []


def test_the_running_terminal_notes_and_notices_that_its_file_is_gone(journal, open_journal, punch):
    noting = Noting(open_journal, every_s=0.0)
    noting.open()
    noting.run_once(0.0)
    with open_journal() as ring:
        ring.append(punch())
    noting.run_once(0.0)
    assert last_seen.read(journal).seq == 1
    journal.rename(journal.with_name("away"))
    with pytest.raises(JournalDamaged, match="removed or replaced"):
        noting.run_once(0.0)
    noting.close()
    assert last_seen.read(journal).seq == 1


def test_what_cannot_be_noted_ends_nothing(journal, open_journal, monkeypatch, caplog):
    open_journal().close()
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "full")))
    noting = Noting(open_journal, every_s=0.0)
    noting.open()
    for _ in range(3):
        noting.run_once(0.0)
    noting.close()
    assert [one.levelname for one in caplog.records] == ["WARNING"]


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(last_seen.path_of(tmp_path / "journal.db"))
    assert last_seen.read(tmp_path / "journal.db") is None
