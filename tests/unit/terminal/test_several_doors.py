"""docs/several-doors.md: each row of its table happens here, between two terminals with all their own parts."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.central.attendance.punch_report import Punch
from edge.crypto.dsse import key_id
from edge.domain.protocol.record import Record, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import Button
from tests.support.two_doors import Door, TwoDoors, two_doors

PAGE = (Path(__file__).resolve().parents[3] / "docs/several-doors.md").read_text()
ROWS = re.findall(
    r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \|$",
    PAGE.split("| situation | record | hours |\n|---|---|---|")[1],
    re.MULTILINE,
)

Row = Callable[[TwoDoors], Record]


def at(doors: TwoDoors, hour: str, door: Door, pressed: Button | None = None, *, deliver: bool = True) -> Record:
    """ANN punches at this hour; everything is delivered before and after."""
    doors.until(hour)
    if deliver:
        doors.deliver()
    door.punch(pressed)
    if deliver:
        doors.deliver()
    return door.last()


def _in_and_out(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    return at(doors, "16:00", doors.b)


def _same_door(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    return at(doors, "16:00", doors.a)


def _lunch(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    at(doors, "12:00", doors.b)
    at(doors, "12:30", doors.a)
    return at(doors, "16:00", doors.b)


def _repetition(doors: TwoDoors) -> Record:
    at(doors, "08:00:00", doors.a)
    return at(doors, "08:00:20", doors.b)


def _repetition_skewed(doors: TwoDoors) -> Record:
    doors.a.clock.set_by(1.5)
    at(doors, "08:00:00", doors.a)
    return at(doors, "08:00:01", doors.b)


def _pressed(doors: TwoDoors) -> Record:
    at(doors, "08:00:00", doors.a)
    return at(doors, "08:00:20", doors.b, Button.OUT)


def _break(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    at(doors, "12:00", doors.a, Button.BREAK)
    return at(doors, "12:30", doors.b)


def _forgotten(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    return at(doors, "32:00", doors.b)


def _offline_b(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    doors.until("15:00")
    doors.b.disconnect()
    return at(doors, "16:00", doors.b)


def _offline_b_all_day(doors: TwoDoors) -> Record:
    doors.b.disconnect()
    at(doors, "08:00", doors.a)
    return at(doors, "16:00", doors.b)


def _offline_a(doors: TwoDoors) -> Record:
    doors.a.disconnect()
    at(doors, "08:00", doors.a)
    return at(doors, "16:00", doors.b)


def _late(doors: TwoDoors) -> Record:
    doors.a.disconnect()
    at(doors, "08:00", doors.a)
    at(doors, "12:00", doors.b)
    doors.until("13:00")
    doors.a.connect()
    return at(doors, "16:00", doors.b)


def _withheld(doors: TwoDoors) -> Record:
    doors.b.withheld = True
    at(doors, "08:00", doors.a)
    return at(doors, "16:00", doors.b)


def _void_here(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    wrong = at(doors, "12:00", doors.b)
    doors.until("12:05")
    doors.b.correct("voided", wrong)
    return at(doors, "16:00", doors.b)


def _void_there(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    wrong = at(doors, "12:00", doors.b)
    doors.until("12:05")
    doors.a.correct("voided", wrong)
    return at(doors, "16:00", doors.b)


def _void_withheld(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    wrong = at(doors, "12:00", doors.b)
    doors.until("12:05")
    doors.b.withheld = True
    doors.a.correct("voided", wrong)
    return at(doors, "16:00", doors.b)


def _void_of_the_in(doors: TwoDoors) -> Record:
    wrong = at(doors, "08:00", doors.a)
    doors.until("08:05")
    doors.a.correct("voided", wrong)
    return at(doors, "16:00", doors.b)


def _amended_after_the_void(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    punch = at(doors, "12:00", doors.b)
    doors.until("12:05")
    doors.a.correct("voided", punch)
    doors.deliver()
    doors.until("12:10")
    doors.b.correct("amended", punch, direction="out")
    return at(doors, "16:00", doors.a)


def _amended_unheard(doors: TwoDoors) -> Record:
    wrong = at(doors, "08:00", doors.a, Button.OUT)
    doors.b.disconnect()
    doors.until("08:05")
    doors.a.correct("amended", wrong, direction="in")
    doors.deliver()
    return at(doors, "16:00", doors.b)


def _break_by_a_deaf_door(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    doors.b.disconnect()
    at(doors, "12:00", doors.a, Button.BREAK)
    return at(doors, "12:30", doors.b)


def _break_by_a_deaf_door_pressed(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    doors.b.disconnect()
    at(doors, "12:00", doors.a, Button.BREAK)
    return at(doors, "12:30", doors.b, Button.IN)


def _home_from_the_break(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    at(doors, "12:00", doors.a, Button.BREAK)
    return at(doors, "16:00", doors.b, Button.OUT)


def _break_corrected(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    punch = at(doors, "12:00", doors.b)
    doors.b.correct("amended", punch, direction="out", activity="break")
    return at(doors, "12:30", doors.a, Button.BREAK)


def _both_offline(doors: TwoDoors) -> Record:
    doors.a.disconnect()
    doors.b.disconnect()
    at(doors, "08:00", doors.a)
    return at(doors, "16:00", doors.b)


def _added(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    doors.until("20:00")
    doors.a.correct("added", None, direction="out", at="2026-03-02T16:00:00.000Z")
    return at(doors, "22:00", doors.b)


def _turned(doors: TwoDoors) -> Record:
    wrong = at(doors, "08:00", doors.a, Button.OUT)
    doors.until("08:05")
    doors.a.correct("amended", wrong, direction="in")
    return at(doors, "16:00", doors.b)


def _unsynchronised_a(doors: TwoDoors) -> Record:
    doors.a.clock.set(synchronised=False)
    at(doors, "08:00", doors.a)
    return at(doors, "16:00", doors.b)


def _unsynchronised_b(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    doors.until("15:00")
    doors.b.clock.set(boot_id="n" * 36, synchronised=False)
    return at(doors, "16:00", doors.b)


def _unsynchronised_back(doors: TwoDoors) -> Record:
    doors.a.clock.set(synchronised=False)
    at(doors, "08:00", doors.a)
    at(doors, "12:00", doors.b)
    return at(doors, "12:30", doors.a)


def _unsynchronised_between(doors: TwoDoors) -> Record:
    doors.a.clock.set(synchronised=False)
    at(doors, "08:00", doors.a)
    at(doors, "12:00", doors.b)
    return at(doors, "12:30", doors.b)


def _unsynchronised_repetition(doors: TwoDoors) -> Record:
    doors.a.clock.set(synchronised=False)
    at(doors, "08:00:00", doors.a)
    return at(doors, "08:00:20", doors.b)


def _behind(doors: TwoDoors) -> Record:
    doors.b.clock.set_by(-9 * 3600)
    at(doors, "08:00", doors.a)
    return at(doors, "16:00", doors.b)


def _crossing(doors: TwoDoors) -> Record:
    doors.a.disconnect()
    doors.a.clock.set(synchronised=False)
    at(doors, "08:00", doors.a)
    at(doors, "12:00", doors.b)
    at(doors, "12:30", doors.b)
    doors.a.connect()
    doors.deliver()
    return at(doors, "16:00", doors.b)


def _close_by(doors: TwoDoors) -> Record:
    """Both doors punched at once, and each hears of the other afterwards."""
    at(doors, "08:00", doors.b)
    doors.until("12:00:00")
    doors.a.punch(Button.OUT)
    doors.until("12:00:01")
    doors.b.punch(Button.IN)
    doors.deliver()
    return at(doors, "16:00", doors.a)


def _restored(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    doors.b.receiver.close()
    doors.b.knowledge.close()
    for path in doors.b.path.parent.glob("b-site.db*"):
        path.unlink()
    doors.b.connect()
    return at(doors, "16:00", doors.b)


def _new(doors: TwoDoors) -> Record:
    doors.b.withheld = True
    at(doors, "08:00", doors.a)
    doors.until("12:00")
    doors.deliver()
    doors.b.withheld = False
    return at(doors, "16:00", doors.b)


def _named_later(doors: TwoDoors) -> Record:
    doors.b.members.keys, doors.b.members.news = {}, True
    at(doors, "08:00", doors.a)
    doors.until("09:00")
    doors.b.knows(doors.a)
    return at(doors, "16:00", doors.b)


def _revoked(doors: TwoDoors) -> Record:
    at(doors, "08:00", doors.a)
    doors.ledger.accept_batch(doors.all)
    doors.all.clear()
    assert doors.store.revoke(key_id(doors.a.key.verify_key))
    doors.b.members.keys, doors.b.members.news = {"c": {}}, True
    return at(doors, "16:00", doors.b)


def _pressed_often(doors: TwoDoors) -> Record:
    made = at(doors, "08:00:00", doors.a)
    for second, direction in enumerate(["out", "in"] * 4):
        doors.until(f"08:00:0{second // 3}")
        doors.a.correct("amended", made, direction=direction, reason="wrong-direction")
    return at(doors, "16:00", doors.b)


def _voided_all(doors: TwoDoors) -> Record:
    made = [at(doors, f"{hour:02}:00", doors.b) for hour in range(8, 14)]
    for wrong in made[1:]:
        doors.a.correct("voided", wrong)
    return at(doors, "16:00", doors.b)


SITUATIONS: dict[str, Row] = {
    "IN at `a`, then at `b`": _in_and_out,
    "IN at `a`, then at `a`": _same_door,
    "a day with lunch, by both doors": _lunch,
    "`a`, then `b` 20 s later": _repetition,
    "`a`, whose clock is ahead by 1.5 s, then `b` 1 s later": _repetition_skewed,
    "`a`, then OUT pressed at `b` 20 s later": _pressed,
    "BREAK pressed at `a`, then back by `b`": _break,
    "the same, and `b` has had no network since the IN": _break_by_a_deaf_door,
    "the same, and Ann presses IN at `b`": _break_by_a_deaf_door_pressed,
    "BREAK pressed at `a`, then OUT pressed at `b`: no way back": _home_from_the_break,
    "an OUT at `b` is amended to a break there, then BREAK pressed at `a`": _break_corrected,
    "IN at `a`, and the next morning IN at `b`": _forgotten,
    "`b` loses the network after it heard the IN at `a`": _offline_b,
    "`b` has no network all day": _offline_b_all_day,
    "neither door has a network all day": _both_offline,
    "`a` has no network when Ann comes": _offline_a,
    "`a` had no network when Ann came, `b` recorded IN at noon, then `a` is back": _late,
    "the broker withholds the IN at `a`, and says nothing": _withheld,
    "`b` recorded a wrong punch, which is voided at `b`": _void_here,
    "`b` recorded a wrong punch, which is voided at `a`": _void_there,
    "the same, and the broker withholds the void": _void_withheld,
    "the IN at `a` is voided": _void_of_the_in,
    "an OUT at `b` is voided at `a`, and then amended to OUT at `b`": _amended_after_the_void,
    "five wrong punches at `b` after the IN there, all voided at `a`": _voided_all,
    "an OUT that was forgotten is added at `a`": _added,
    "a wrong OUT at `a` is amended to IN there": _turned,
    "the same, and `b` has had no network since the OUT": _amended_unheard,
    "OUT and IN pressed in turn at `a` after the IN, eight times": _pressed_often,
    "the clock of `a` follows no time server": _unsynchronised_a,
    "the same; Ann punches at `a`, `b` and `b`": _unsynchronised_between,
    "the same; Ann punches at `a`, `b` and `a`": _unsynchronised_back,
    "the same; `a`, then `b` 20 s later": _unsynchronised_repetition,
    "`b` was restarted, and its clock follows no time server since": _unsynchronised_b,
    "the clock of `b` is nine hours behind, and counts as right": _behind,
    "`a` has neither network nor time server; its IN arrives after two punches at `b`": _crossing,
    "OUT pressed at `a` and IN pressed at `b` within a second, then `a`": _close_by,
    "the file of the other doors' records at `b` is lost": _restored,
    "`b` was installed at noon, after the IN at `a`": _new,
    "the manifest names `a` an hour after Ann's IN there": _named_later,
    "`a` is revoked after Ann's IN there": _revoked,
}


def said(record: Record, ids: dict[str, int]) -> str:
    """A record as the page's column says it."""
    data = record.data
    words = ["suppressed" if record.kind == Kind.SUPPRESSED else str(data["direction"]).upper()]
    words += [str(data["activity"])] if "activity" in data else []
    words += [f"(follows {'nothing' if data['follows'] is None else ids[data['follows']]})"]
    words += [f"`{word}`" for word in ("direction_assumed", "site_unheard") if word in data]
    return " ".join(words)


def shown(rows: list[Punch]) -> str:
    """The hours as the page's column says them."""
    lines = []
    for row in rows:
        if row.direction is None:
            continue
        words = [row.direction.upper(), (row.at or "")[11:16], row.terminal]
        lines.append(" ".join([*words, *(f"`{word}`" for word in row.doubts)]))
    return ", ".join(lines)


def happens(situation: str, root: Path) -> tuple[str, str]:
    with two_doors(root) as doors:
        record = SITUATIONS[situation](doors)
        made = sorted((one for door in doors.doors for one in all_of(door)), key=lambda pair: pair[0])
        ids = {name: number for number, (_, name) in enumerate(made, 1)}
        return said(record, ids), shown(doors.hours())


def all_of(door: Door) -> list[tuple[int, str]]:
    """When (true time) and under which name the door recorded a punch or an added one."""
    found = []
    for seq in range(1, door.journal.head().seq + 1):
        payload = door.journal.payload_at(seq)
        record = decode(payload or b"")
        if record.kind == Kind.PUNCH or record.data.get("change") == "added":
            found.append((record.time.boottime_ms, f"{door.site}/{record.id}"))
    return found


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_row_of_the_page_is_what_happens(situation: str, tmp_path: Path) -> None:
    expected = {row[0]: row[1:] for row in ROWS}
    assert happens(situation, tmp_path) == expected.get(situation)


def test_the_page_has_every_situation_and_no_other() -> None:
    assert [row[0] for row in ROWS] == list(SITUATIONS)


def test_a_repetition_at_another_door_names_the_punch_and_the_next_one_makes_no_record(tmp_path: Path) -> None:
    with two_doors(tmp_path) as doors:
        first = at(doors, "08:00:00", doors.a)
        again = at(doors, "08:00:59", doors.b)
        assert again.kind == Kind.SUPPRESSED
        assert again.data["follows"] == f"main/{first.id}"
        assert again.data["duplicate_of"] == first.position.seq
        assert doors.b.punch().stored is None
