"""Moments found afterwards: by boot id and boottime, whatever the wall clock said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.placement import DRIFT_PPM, Anchors, Placement, PlacementMethod, place

BOOT, OTHER = "b" * 36, "c" * 36
BOOTED = datetime(2026, 3, 2, 7, tzinfo=UTC)
HOUR, DAY = 3_600_000, 24 * 3_600_000


def text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def evidence(boottime_ms: int, off: timedelta | None = None, boot: str = BOOT) -> TimeEvidence:
    """What a terminal records so long after its boot: synchronised, or with a wall clock that is so far off."""
    utc = BOOTED + timedelta(milliseconds=boottime_ms) + (off or timedelta())
    return TimeEvidence(text(utc), 60, "Europe/Berlin", boot, boottime_ms, off is None)


def true(boottime_ms: int) -> str:
    return evidence(boottime_ms).utc


def test_what_a_synchronised_clock_said_stands() -> None:
    time = evidence(HOUR)
    assert place(time, Anchors()) == Placement(time.utc, PlacementMethod.AS_RECORDED, 0)
    assert place(time, Anchors([evidence(0), evidence(2 * HOUR)])) == Placement(
        time.utc, PlacementMethod.AS_RECORDED, 0
    )


@pytest.mark.parametrize(
    "off",
    [
        timedelta(), timedelta(days=-365), timedelta(days=1), timedelta(milliseconds=1),
        datetime(1970, 1, 1, tzinfo=UTC) - BOOTED,
    ],
)  # fmt: skip
@pytest.mark.parametrize("anchor_ms", [0, HOUR - 1, HOUR, HOUR + 1, 9 * HOUR])
def test_before_and_after_the_first_synchronisation_it_is_placed(off: timedelta, anchor_ms: int) -> None:
    time = evidence(HOUR, off)
    placed = place(time, Anchors([evidence(anchor_ms)]))
    assert (placed.utc, placed.mark) == (true(HOUR), PlacementMethod.PLACED)


def test_the_bound_grows_with_the_distance() -> None:
    assert DRIFT_PPM == 100
    bounds = [
        place(evidence(0, timedelta(days=1)), Anchors([evidence(distance)])).uncertainty_ms
        for distance in (0, 1, 10_000, 10_001, HOUR, DAY)
    ]
    assert bounds == [1, 2, 3, 3, 362, 8_642]


def test_the_nearest_anchor_counts() -> None:
    """The far one is off by what its clock strayed; the near one is not."""
    near, far = evidence(2 * HOUR), evidence(8 * HOUR)
    far = replace(far, utc=text(BOOTED + timedelta(hours=8, milliseconds=300)))
    for anchors in ([near, far], [far, near]):
        placed = place(evidence(HOUR, timedelta(days=-1)), Anchors(anchors))
        assert (placed.utc, placed.uncertainty_ms) == (true(HOUR), 362)
        between = place(evidence(3 * HOUR, timedelta(days=-1)), Anchors(anchors))
        assert (between.utc, between.uncertainty_ms) == (true(3 * HOUR), 362), "both agree within their bounds"


def test_another_boot_tells_nothing() -> None:
    time = evidence(HOUR, timedelta(days=-365))
    for anchors in (Anchors(), Anchors([evidence(HOUR, boot=OTHER)])):
        assert place(time, anchors) == Placement(time.utc, PlacementMethod.UNPLACED, None)
    both = Anchors([evidence(HOUR, boot=OTHER), evidence(2 * HOUR)])
    assert place(time, both).utc == true(HOUR)


def test_an_unsynchronised_record_is_no_anchor() -> None:
    time = evidence(HOUR, timedelta(days=-365))
    assert place(time, Anchors([evidence(HOUR, timedelta(days=-365))])).mark is PlacementMethod.UNPLACED


def test_a_night_in_suspend_counts() -> None:
    """CLOCK_BOOTTIME goes on while the machine sleeps, so the anchor of the next morning is a good one."""
    evening = evidence(HOUR, timedelta(days=-3))
    assert place(evening, Anchors([evidence(13 * HOUR)])).utc == true(HOUR)


def test_the_same_boottime_is_the_anchor_s_own_moment() -> None:
    time = evidence(HOUR, timedelta(days=-3))
    assert place(time, Anchors([evidence(HOUR), evidence(HOUR)])) == Placement(
        true(HOUR), PlacementMethod.PLACED, 1
    )


def test_anchors_that_contradict_each_other_widen_the_bound_to_reach_both() -> None:
    """A clock set a day forward by hand, while it passed for synchronised."""
    wrong = replace(evidence(3 * HOUR), utc=text(BOOTED + timedelta(days=1, hours=3)))
    placed = place(evidence(HOUR, timedelta(days=-3)), Anchors([evidence(0), wrong]))
    assert (placed.utc, placed.mark) == (true(HOUR), PlacementMethod.PLACED)
    assert DAY <= placed.uncertainty_ms <= DAY + 1_000
    same = replace(evidence(HOUR), utc=text(BOOTED + timedelta(days=1, hours=1)))
    placed = place(evidence(HOUR, timedelta(days=-3)), Anchors([evidence(HOUR), same]))
    assert placed.uncertainty_ms >= DAY


@pytest.mark.parametrize("boottime_ms", [2**53, 0])
def test_boottimes_that_are_none_place_nothing(boottime_ms: int) -> None:
    time = replace(evidence(0, timedelta(days=1)), boottime_ms=2**53 - boottime_ms)
    placed = place(time, Anchors([replace(evidence(0), boottime_ms=boottime_ms)]))
    assert (placed.mark, placed.utc) == (PlacementMethod.UNPLACED, time.utc)


def test_the_record_is_never_rewritten() -> None:
    time = evidence(HOUR, timedelta(days=-365))
    kept = repr(time)
    place(time, Anchors([evidence(2 * HOUR)]))
    assert repr(time) == kept


OFFSETS = st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)).map(
    lambda off: timedelta(milliseconds=off // timedelta(milliseconds=1))
)


@given(
    st.integers(0, 400 * DAY),
    OFFSETS,
    st.lists(st.tuples(st.integers(0, 400 * DAY), st.integers(-DRIFT_PPM, DRIFT_PPM)), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_truth_is_within_the_bound_while_the_clock_strays_as_assumed(boottime, off, sightings, random) -> None:
    """The boottime runs too fast or too slow by up to 100 ppm, from the record's moment to each anchor's."""
    anchors = []
    for at, ppm in sightings:
        strayed = round((at - boottime) * (1 + ppm / 1_000_000))
        if boottime + strayed >= 0:
            anchors.append(replace(evidence(at), boottime_ms=boottime + strayed))
    random.shuffle(anchors)
    placed = place(evidence(boottime, off), Anchors(anchors))
    if not anchors:
        assert placed.mark is PlacementMethod.UNPLACED
        return
    assert placed.mark is PlacementMethod.PLACED
    error = abs(datetime.fromisoformat(placed.utc) - datetime.fromisoformat(true(boottime)))
    assert error <= timedelta(milliseconds=placed.uncertainty_ms)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=12), st.integers(0, 50))
def test_the_order_of_arrival_is_no_matter(sightings, boottime) -> None:
    anchors = [replace(evidence(at), utc=text(BOOTED + timedelta(seconds=second))) for at, second in sightings]
    time = evidence(boottime, timedelta(days=-1))
    orders = (anchors, anchors[::-1], sorted(anchors, key=repr), anchors * 2)
    assert len({place(time, Anchors(order)) for order in orders}) == 1
