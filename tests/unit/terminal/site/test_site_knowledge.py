"""What a punch does with the file of the other doors' records, and without it."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.domain.protocol.record_kinds import Kind
from edge.errors import SiteError
from edge.people.site.store import MOST_CORRECTIONS
from edge.terminal.uplink import site_records
from tests.support.two_doors import TwoDoors, two_doors


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[TwoDoors]:
    with two_doors(tmp_path) as made:
        yield made


def test_the_other_doors_punch_is_answered_and_named(doors: TwoDoors) -> None:
    doors.a.punch()
    doors.wait(3_600)
    doors.deliver()
    assert doors.b.punch().direction == "out"
    assert doors.b.last().data["follows"] == f"main/{doors.a.last().id}"
    assert "site_unheard" not in doors.b.last().data


@pytest.mark.parametrize("rubbish", [b"", b"\xff" * 9_000, None], ids=["empty", "rubbish", "a folder"])
def test_a_file_that_cannot_be_read_stops_no_punch(doors: TwoDoors, rubbish: bytes | None, caplog) -> None:
    door = doors.b
    door.receiver.close()
    door.knowledge.close()
    door.hearing.deaf = False
    for path in door.path.parent.glob("b-site.db*"):
        path.unlink()
    door.path.mkdir() if rubbish is None else door.path.write_bytes(rubbish)
    assert door.punch().kind is Kind.PUNCH
    assert door.hearing.failing
    assert door.last().data["site_unheard"] is True
    assert "punching goes on" in caplog.text
    doors.wait(3_600)
    assert door.punch().direction == "out", "by what this door knows itself"
    assert caplog.text.count("punching goes on") == 1
    door.path.rmdir() if rubbish is None else door.path.unlink()
    door.connect()
    doors.wait(3_600)
    assert door.punch().direction == "in"
    assert not door.hearing.failing
    assert "site_unheard" not in door.last().data


def test_an_altered_row_stops_no_punch(doors: TwoDoors) -> None:
    doors.a.punch()
    doors.deliver()
    with contextlib.closing(sqlite3.connect(doors.b.path)) as db, db:
        db.execute("UPDATE heard SET payload = x'00'")
    doors.wait(3_600)
    assert doors.b.punch().direction == "in"
    assert doors.b.last().data["site_unheard"] is True


def test_a_file_that_was_begun_anew_is_read_and_not_the_former_one(doors: TwoDoors) -> None:
    doors.a.punch()
    doors.deliver()
    doors.wait(3_600)
    doors.b.punch()
    doors.b.path.unlink()
    doors.wait(60 * 3_600)
    doors.deliver()
    doors.a.punch()
    doors.deliver()
    doors.wait(3_600)
    doors.b.punch()
    assert doors.b.last().data["follows"] == f"main/{doors.a.last().id}"


def test_before_anything_was_heard_there_is_no_file_and_nobody_is_missed(doors: TwoDoors) -> None:
    door = doors.b
    door.receiver.close()
    door.knowledge.close()
    door.path.unlink()
    door.hearing.others, door.hearing.deaf = None, True
    assert door.punch().kind is Kind.PUNCH
    assert "site_unheard" not in door.last().data
    assert not door.path.exists(), "the attending thread makes none"


def test_a_start_without_a_network_knows_from_the_file_that_there_are_others(doors: TwoDoors) -> None:
    door = doors.b
    door.disconnect()
    door.hearing.others = None
    door.punch()
    assert door.last().data["site_unheard"] is True


def test_a_writer_that_holds_the_file_makes_no_punch_wait(doors: TwoDoors) -> None:
    doors.a.punch()
    doors.deliver()
    doors.wait(3_600)
    began, free = threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.closing(sqlite3.connect(doors.b.path, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM heard")
            began.set()
            free.wait(60)
            db.execute("ROLLBACK")

    holding = threading.Thread(target=hold)
    holding.start()
    began.wait(60)
    before = time.monotonic()
    assert doors.b.punch().direction == "out"
    assert time.monotonic() - before < 30
    free.set()
    holding.join()


def test_a_program_that_has_the_file_for_itself_makes_a_punch_wait_for_a_moment_only(
    doors: TwoDoors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long SQLite is told to wait when the file is opened, and not by a clock: the machine may be busy."""
    asked: list[float] = []
    connect = sqlite3.connect

    def connecting(*given: object, **options: object) -> sqlite3.Connection:
        asked.append(float(str(options["timeout"])))
        return connect(*given, **options)  # type: ignore[call-overload, no-any-return]

    doors.a.punch()
    doors.deliver()
    doors.wait(3_600)
    monkeypatch.setattr(sqlite3, "connect", connecting)
    assert doors.b.punch().direction == "out"
    assert asked == [0.1]


def test_a_button_that_was_pressed_many_times_after_a_punch_is_heard_with_its_punch(doors: TwoDoors) -> None:
    doors.a.punch()
    came = doors.a.last()
    for direction in ["out", "in"] * (MOST_CORRECTIONS // 2):
        doors.wait(0.15)
        doors.a.correct("amended", came, direction=direction)
    doors.deliver()
    doors.wait(8 * 3_600)
    doors.b.punch()
    assert doors.b.last().data["direction"] == "out"
    assert doors.b.last().data["follows"] == f"main/{came.id}"


def test_a_void_counts_although_many_corrections_followed_it_at_that_door(doors: TwoDoors) -> None:
    doors.b.punch()
    came = doors.b.last()
    doors.wait(3_600)
    doors.b.punch()
    doors.deliver()
    doors.a.correct("voided", doors.b.last())
    for day in range(1, 8):
        doors.a.correct("added", None, direction="in", at=f"2026-02-0{day}T08:00:00.000Z")
    doors.deliver()
    doors.wait(3_600)
    doors.b.punch()
    assert doors.b.last().data["direction"] == "out"
    assert doors.b.last().data["follows"] == f"main/{came.id}"


def test_punches_that_were_all_voided_at_another_door_uncover_the_one_before_them(doors: TwoDoors) -> None:
    made = []
    for _ in range(7):
        doors.b.punch()
        made.append(doors.b.last())
        doors.wait(3_600)
    doors.deliver()
    for wrong in made[1:]:
        doors.a.correct("voided", wrong)
    doors.deliver()
    doors.b.punch()
    assert doors.b.last().data["direction"] == "out"
    assert doors.b.last().data["follows"] == f"main/{made[0].id}"


def test_a_record_that_was_dropped_is_said_until_a_later_punch_is_heard(
    doors: TwoDoors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_records, "_MOST_WAITING", 1)

    def refuse(*_: object) -> None:
        raise SiteError("site.db: the disk is full; free some space on it")

    with monkeypatch.context() as full:
        full.setattr("edge.people.site.store.SiteStore.keep", refuse)
        doors.a.punch()
        doors.wait(3_600)
        doors.a.correct("added", None, direction="in", at="2026-02-01T08:00:00.000Z")
        doors.deliver()
    doors.wait(3_600)
    assert doors.b.receiver.counters()["site_dropped"] == 1
    assert not doors.b.hearing.deaf
    doors.b.punch()
    assert doors.b.last().data["site_unheard"] is True, "the punch was dropped for the correction"
    doors.wait(3_600)
    doors.a.punch()
    doors.deliver()
    doors.wait(3_600)
    doors.b.punch()
    assert "site_unheard" not in doors.b.last().data
    assert doors.b.last().data["follows"] == f"main/{doors.a.last().id}"
