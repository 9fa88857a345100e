"""Any order of events at two doors, with a broker that withholds, delays and repeats: no punch is lost, and what
does not fit together is marked.
"""

import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.domain.attendance.doubts import Doubt
from edge.domain.protocol.record import Record, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import Button
from tests.support.two_doors import Door, TwoDoors, two_doors

MEMORY = Path("/dev/shm")
DOORS = st.integers(0, 1)
PUNCH = st.tuples(st.just("punch"), DOORS)
WAIT = st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 50.0, 70.0, 3600.0, 8 * 3600.0, 20 * 3600.0]))
BROKER = st.one_of(
    st.tuples(st.just("deliver"), DOORS),
    st.tuples(st.just("some"), DOORS),
    st.tuples(st.just("repeat"), DOORS),
    st.tuples(st.just("swap"), DOORS),
    st.tuples(st.just("withhold"), DOORS),
    st.tuples(st.just("network"), DOORS),
)
CLOCK = st.one_of(
    st.tuples(st.just("unsynchronised"), DOORS),
    st.tuples(st.just("synchronised"), DOORS),
    st.tuples(st.just("skew"), st.sampled_from([-1.0, 1.0])),
    st.tuples(st.just("boot"), DOORS),
)
VOID = st.tuples(st.just("void"), DOORS)
PRESS = st.tuples(st.sampled_from([str(button) for button in Button]), DOORS)
AMEND = st.tuples(st.just("amend"), DOORS)


def some(doors: TwoDoors, door: Door) -> None:
    if door.online and door.queue:
        door.receive(*door.queue.pop(0))


def deliver(doors: TwoDoors, door: Door) -> None:
    while door.online and door.queue:
        some(doors, door)


def repeat(doors: TwoDoors, door: Door) -> None:
    for topic, wire in doors.all[-3:] if door.online else ():
        if topic.split("/")[3] != door.name:
            door.receive(topic, wire)


def withhold(_doors: TwoDoors, door: Door) -> None:
    door.withheld = not door.withheld
    door.queue.clear()


def void(_doors: TwoDoors, door: Door) -> None:
    punches = [one for one in records(door) if one.kind == Kind.PUNCH]
    if punches:
        door.correct("voided", punches[-1])


def amend(_doors: TwoDoors, door: Door) -> None:
    """The last punch is turned round, also when it was voided: then it counts again."""
    punches = [one for one in records(door) if one.kind == Kind.PUNCH]
    if punches:
        door.correct("amended", punches[-1], direction="in" if punches[-1].data["direction"] == "out" else "out")


HAPPENS: dict[str, Callable[[TwoDoors, Door], object]] = {
    "punch": lambda _doors, door: door.punch(),
    "deliver": deliver,
    "some": some,
    "repeat": repeat,
    "swap": lambda _doors, door: door.queue.reverse(),
    "withhold": withhold,
    "network": lambda _doors, door: door.disconnect() if door.online else door.connect(),
    "unsynchronised": lambda _doors, door: door.clock.set(synchronised=False),
    "synchronised": lambda _doors, door: door.clock.set(synchronised=True),
    "boot": lambda _doors, door: door.clock.set(boot_id=f"{door.journal.head().seq:036d}"),
    "void": void,
    "amend": amend,
    **{str(button): lambda _doors, door, button=button: door.punch(button) for button in Button},
}


def do(doors: TwoDoors, what: str, value: float) -> None:
    if what == "wait":
        doors.wait(value)
    elif what == "skew":
        doors.a.clock.set_by(value)
    else:
        doors.send()
        HAPPENS[what](doors, doors.doors[int(value)])


def records(door: Door) -> list[Record]:
    payloads = [door.journal.payload_at(seq) for seq in range(1, door.journal.head().seq + 1)]
    return [decode(payload) for payload in payloads if payload is not None]


@pytest.fixture(scope="module")
def root() -> Path:
    return MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    events=st.lists(st.one_of(PUNCH, PUNCH, WAIT, WAIT, BROKER, CLOCK, VOID, AMEND, PRESS), min_size=2, max_size=25)
)
def test_whatever_happens_no_punch_is_lost_and_what_does_not_fit_is_marked(
    root: Path, events: list[tuple[str, float]]
) -> None:
    with tempfile.TemporaryDirectory(dir=root) as folder, two_doors(Path(folder)) as doors:
        for what, value in events:
            do(doors, what, value)
        rows = [row for row in doors.hours() if row.direction is not None]
        every = [one for door in doors.doors for one in records(door)]
        last = {one.data["corrects"]: one.data["change"] for one in every if one.kind == Kind.CORRECTION}
        voided = {name for name, change in last.items() if change == "voided"}
        made = {one.id for one in every if one.kind == Kind.PUNCH}
        assert {row.id for row in rows} == made - voided, "each punch stands in the hours"
        known = {f"main/{name}" for name in made}
        for one in every:
            if one.kind == Kind.SUPPRESSED:
                assert one.data["follows"] in known, "a repetition names a punch that is there"
        for earlier, later in pairwise(rows):
            if earlier.direction == later.direction:
                assert {Doubt.IN_AFTER_IN, Doubt.OUT_AFTER_OUT} & set(later.doubts)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(st.one_of(PUNCH, PUNCH, WAIT, BROKER), min_size=2, max_size=25))
def test_where_clocks_are_right_what_does_not_alternate_is_marked_by_its_own_record_too(
    root: Path, events: list[tuple[str, float]]
) -> None:
    """Two INs or OUTs in a row only come of records that were not heard, or of an OUT that was forgotten: the hours
    view says which.
    """
    marks = {Doubt.FOLLOWS_OTHER, Doubt.SITE_UNHEARD, Doubt.ASSUMED}
    with tempfile.TemporaryDirectory(dir=root) as folder, two_doors(Path(folder)) as doors:
        for what, value in events:
            do(doors, what, value)
        rows = doors.hours()
        for place, (earlier, later) in enumerate(pairwise(rows), 1):
            if earlier.direction == later.direction:
                assert marks & {word for row in rows[: place + 1] for word in row.doubts}, rows


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(
        st.tuples(DOORS, st.sampled_from([0.5, 30.0, 61.5, 3600.0, 8 * 3600.0])), min_size=1, max_size=15
    ),
    skew=st.sampled_from([-1.9, -0.5, 0.0, 0.5, 1.9]),
)
def test_where_everything_is_heard_directions_alternate_and_no_repetition_counts(
    root: Path, steps: list[tuple[int, float]], skew: float
) -> None:
    with tempfile.TemporaryDirectory(dir=root) as folder, two_doors(Path(folder)) as doors:
        doors.a.clock.set_by(skew)
        last_s, passed = float("-inf"), 0.0
        for place, seconds in steps:
            doors.wait(seconds)
            passed += seconds
            doors.deliver()
            done = doors.doors[place].punch()
            doors.deliver()
            if passed - last_s < 58:
                assert done.kind is Kind.SUPPRESSED
            elif passed - last_s > 62:
                assert done.kind is Kind.PUNCH
            if done.kind is Kind.PUNCH:
                last_s = passed
        rows = doors.hours()
        assert [row.direction for row in rows] == (["in", "out"] * 20)[: len(rows)]
        assert not {word for row in rows for word in row.doubts} - {Doubt.LONG}
