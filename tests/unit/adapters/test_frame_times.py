"""The times of frames, whatever a camera claims."""

import pytest

from edge.adapters.frame_times import MOST_AGE_NS, FrameTimes

NOW = 10**15
MS = 10**6


def test_a_cameras_own_times_are_believed() -> None:
    times = FrameTimes()
    assert [times.of(NOW + n * MS - 5, NOW + n * MS) for n in range(3)] == [NOW - 5, NOW + MS - 5, NOW + 2 * MS - 5]


@pytest.mark.parametrize("claimed", [0, -(10**18), NOW - MOST_AGE_NS - 1, 2**63, None])
def test_what_nobody_can_believe_is_the_present(claimed: int | None) -> None:
    times = FrameTimes()
    assert [times.of(claimed, NOW + n * MS) for n in range(3)] == [NOW, NOW + MS, NOW + 2 * MS]


def test_a_time_that_stands_still_or_goes_back_stops_no_clock() -> None:
    times = FrameTimes()
    assert times.of(NOW - 100, NOW) == NOW - 100
    assert times.of(NOW - 100, NOW + MS) == NOW + MS
    assert times.of(NOW - 200, NOW + 2 * MS) == NOW + 2 * MS
    assert times.of(NOW + 3 * MS - 100, NOW + 3 * MS) == NOW + 3 * MS - 100
