"""One suite over every Clock adapter: the system's, and the clock of tests, which stands in for it."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from edge.adapters.linux.clock import SystemClock
from edge.ports import Clock
from tests.support.clock import HandClock
from tests.support.contracts import contract, holds


@pytest.fixture(
    params=[
        pytest.param(SystemClock, id="system", marks=contract(Clock, SystemClock, "this machine's kernel")),
        pytest.param(
            lambda: HandClock(step_s=0.01), id="hand", marks=contract(Clock, HandClock, "a test that moves it")
        ),
    ]
)
def clock(request: pytest.FixtureRequest) -> Clock:
    make: Callable[[], Clock] = request.param
    made = make()
    holds(request, made)
    return made


def test_the_monotonic_time_never_goes_back(clock: Clock) -> None:
    told = [clock.monotonic_ns() for _ in range(100)]
    assert told == sorted(told)
    assert told[-1] > 0


def test_the_evidence_is_complete_and_of_the_form_that_records_ask_for(clock: Clock) -> None:
    found = clock.evidence()
    assert datetime.fromisoformat(found.utc).utcoffset() == timedelta(0)
    assert len(found.utc) == len("2026-03-02T08:00:00.000Z")
    assert found.utc.endswith("Z")
    assert found.zone
    assert -24 * 60 < found.offset_minutes < 24 * 60
    assert len(found.boot_id) == len(str(uuid.UUID(int=0)))
    assert found.boottime_ms > 0
    assert found.synchronised in {True, False}


def test_one_boot_has_one_id_and_a_time_since_it_that_never_goes_back(clock: Clock) -> None:
    told = [clock.evidence() for _ in range(20)]
    assert len({one.boot_id for one in told}) == 1
    assert [one.boottime_ms for one in told] == sorted(one.boottime_ms for one in told)
