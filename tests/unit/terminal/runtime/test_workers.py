"""The loops' machinery: no failure is silent, no hang looks fresh."""

import threading
import time
from types import SimpleNamespace

import pytest

from edge.domain.attendance.cues import CUES, CueName
from edge.terminal.runtime.latency import Latency, Percentiles
from edge.terminal.runtime.workers import LatestSlot, LongStep, Stop, Worker


def until(condition: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def test_the_slot_keeps_the_newest_and_counts_what_it_dropped() -> None:
    slot: LatestSlot[int] = LatestSlot()
    for item in (1, 2, 3):
        slot.put(item)
    assert (slot.take(0), slot.take(0), slot.drops) == (3, None, 2)


def test_the_slot_wakes_a_waiting_taker() -> None:
    slot: LatestSlot[int] = LatestSlot()
    got: list[int | None] = []
    taker = threading.Thread(target=lambda: got.append(slot.take(60)))
    taker.start()
    slot.put(7)
    taker.join(60)
    assert got == [7]


@pytest.mark.parametrize("where", ["opening", "body", "closing"])
def test_an_exception_anywhere_in_a_worker_stops_everything(where: str) -> None:
    stop = Stop()

    def fail() -> bool:
        raise ZeroDivisionError

    def fine() -> bool:
        stop.wait(0.001)
        return where != "closing" or not stop.set("done")

    worker = Worker(
        "w",
        fail if where == "body" else fine,
        stop,
        stale_after_s=1,
        opening=fail if where == "opening" else None,  # type: ignore[arg-type]
        closing=fail if where == "closing" else None,  # type: ignore[arg-type]
    )
    worker.start()
    assert worker.join(60)
    assert isinstance(worker.error, ZeroDivisionError)
    assert stop.is_set()


def test_closing_runs_on_the_workers_own_thread_also_after_a_failure() -> None:
    stop, seen = Stop(), []

    def fail() -> bool:
        raise ZeroDivisionError

    worker = Worker("w", fail, stop, stale_after_s=1, closing=lambda: seen.append(threading.current_thread().name))
    worker.start()
    worker.join(60)
    assert seen == ["w"]


def test_a_worker_without_progress_grows_stale_and_one_with_progress_does_not(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr("edge.terminal.runtime.workers.time", SimpleNamespace(monotonic=lambda: now[0]))
    stop = Stop()
    progress = threading.Event()
    progress.set()

    def body() -> bool:
        stop.wait(0.005)
        return progress.is_set()

    worker = Worker("w", body, stop, stale_after_s=0.2)
    worker.start()
    until(worker.opened.is_set)
    for _ in range(5):
        now[0] += 0.3  # longer than the bound: the next round makes it fresh again
        until(lambda: not worker.stale())
    progress.clear()

    def a_second_later_it_is_stale() -> bool:
        now[0] += 1
        return worker.stale()

    until(a_second_later_it_is_stale)
    stop.set("done")
    assert worker.join(60)


@pytest.fixture
def now(monkeypatch) -> list[float]:
    """The machine's time, moved by hand."""
    seconds = [100.0]
    monkeypatch.setattr("edge.terminal.runtime.workers.time", SimpleNamespace(monotonic=lambda: seconds[0]))
    return seconds


class Held:
    """A worker whose turns, and the long step in them, last until the test ends them."""

    def __init__(self) -> None:
        self.stop, self.step = Stop(), LongStep(20.0)
        self.in_step, self.in_turn, self.leave_step, self.leave_turn = (threading.Event() for _ in range(4))
        self.turns = 0
        self.worker = Worker("attend", self._body, self.stop, stale_after_s=5.0, long_step=self.step)
        self.worker.start()
        assert self.in_step.wait(60)

    def _body(self) -> bool:
        with self.step:
            self.in_step.set()
            self.leave_step.wait(60)
        self.in_turn.set()
        self.leave_turn.wait(60)
        self.turns += 1
        return True

    def end(self) -> None:
        self.stop.set("done")
        self.leave_step.set()
        self.leave_turn.set()
        assert self.worker.join(60)


@pytest.fixture
def held(now):
    made = Held()
    yield made
    made.end()


def test_a_slow_step_is_no_hang_and_its_end_is_progress(held: Held, now) -> None:
    now[0] += 19.0
    assert not held.worker.stale(), "longer than a turn may take"
    held.leave_step.set()
    assert held.in_turn.wait(60)
    assert not held.worker.stale(), "the turn itself began 19 s ago"
    now[0] += 4.9
    assert not held.worker.stale()
    now[0] += 0.2
    assert held.worker.stale(), "a hang after the step is found after the loop's own limit"


def test_a_step_that_hangs_is_found_after_its_own_limit(held: Held, now) -> None:
    now[0] += 20.1
    assert held.worker.stale()
    now[0] += 3_600
    assert held.worker.stale(), "and nothing makes it fresh again"


def test_a_step_that_raises_has_ended(now) -> None:
    step = LongStep(20.0)
    with pytest.raises(ZeroDivisionError), step:
        raise ZeroDivisionError
    assert step.hangs() is None
    now[0] += 100
    assert step.hangs() is None


def test_a_worker_without_a_long_step_has_its_own_limit_alone(now) -> None:
    worker = Worker("signal", lambda: True, Stop(), stale_after_s=5.0)
    now[0] += 5.1
    assert worker.stale()


def test_the_first_reason_to_stop_is_kept() -> None:
    stop = Stop()
    stop.set("SIGTERM")
    stop.set("ended")
    assert stop.reason == "SIGTERM"


def test_latency_is_taken_between_the_decision_and_its_own_cue() -> None:
    latency = Latency()
    assert latency.frame_to_cue() == Percentiles(0.0, 0.0)
    latency.decided(CueName.IN, 1_000_000, 500_000)
    latency.shown(CUES[CueName.IDLE], 2_000_000)  # another cue's light is not the answer
    latency.shown(CUES[CueName.IN], 4_000_000)
    latency.shown(CUES[CueName.IN], 9_000_000)  # nor is its repetition
    assert latency.frame_to_cue() == Percentiles(3.0, 3.0)
    assert latency.face_to_cue() == Percentiles(3.5, 3.5)


def test_percentiles_are_nearest_rank() -> None:
    latency = Latency()
    for ms in range(1, 101):
        latency.decided(CueName.IN, 0, 0)
        latency.shown(CUES[CueName.IN], ms * 1_000_000)
    assert latency.frame_to_cue() == Percentiles(50.0, 95.0)
