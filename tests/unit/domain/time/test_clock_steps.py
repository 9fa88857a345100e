"""A clock that was set is seen, one that is steered is not."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from edge.domain.time.clock_steps import observe
from edge.domain.time.evidence import TimeEvidence

START = TimeEvidence("2026-03-28T23:00:00.000Z", 60, "Europe/Berlin", "b" * 36, 1_000_000, True)


def later(ms: int, wall_ms: int | None = None, **more: object) -> TimeEvidence:
    """`ms` later by boot time, `wall_ms` by the wall clock."""
    wall = datetime.fromisoformat(START.utc) + timedelta(milliseconds=ms if wall_ms is None else wall_ms)
    utc = wall.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return replace(START, utc=utc, boottime_ms=START.boottime_ms + ms, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("drift_ms", [0, 1, -1, 999, -1_000, 1_000])
def test_a_steered_clock_is_no_step(drift_ms: int) -> None:
    assert observe(START, later(60_000, 60_000 + drift_ms)) is None


@pytest.mark.parametrize("step_ms", [1_001, -1_001, 86_400_000, -31_536_000_000])
def test_a_step_is_told_with_its_size_and_both_sides(step_ms: int) -> None:
    now = later(1_000, 1_000 + step_ms)
    found = observe(START, now)
    assert found == {
        "step_ms": step_ms,
        "before": START.utc,
        "after": now.utc,
        "synchronised_before": True,
        "synchronised_after": True,
    }


def test_the_first_synchronisation_is_told_even_without_a_step() -> None:
    before = replace(START, synchronised=False)
    found = observe(before, later(1_000))
    assert found is not None
    assert found["step_ms"] == 0
    assert (found["synchronised_before"], found["synchronised_after"]) == (False, True)
    assert observe(START, later(1_000, synchronised=False)) is None, "losing it is no news: each record says so"


def test_summer_time_and_a_change_of_zone_are_no_steps() -> None:
    assert observe(START, later(7_200_000, offset_minutes=120)) is None
    assert observe(START, later(1_000, offset_minutes=-300, zone="America/New_York")) is None


def test_nothing_is_compared_across_a_reboot() -> None:
    assert observe(START, later(1_000, -31_536_000_000, boot_id="c" * 36)) is None


def test_a_suspended_machine_is_no_step() -> None:
    assert observe(START, later(8 * 3_600_000)) is None, "boot time counts the sleep"
