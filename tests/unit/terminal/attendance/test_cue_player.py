"""The cue player against a clock that stands still until it is told, and once against the real one."""

import threading
import time

import pytest

from edge.domain.attendance.cues import CUES, DARK, Cue, CueName, CueStep, Lights
from edge.errors import SignalsError
from edge.terminal.attendance.cue_player import CuePlayer

MS = 1_000_000
GREEN, AMBER, RED = Lights(green=True), Lights(amber=True), Lights(red=True)


class Recorder:
    """The Signals port as a list of what happened when."""

    def __init__(self, now):
        self.now, self.events, self.closed = now, [], 0

    def announce(self, cue):
        self.events.append((self.now() // MS, cue.name))

    def apply(self, lights):
        self.events.append((self.now() // MS, lights))

    def close(self):
        self.closed += 1


class Stage:
    def __init__(self, on_shown=None):
        self.ns = 1_000 * MS
        self.signals = Recorder(lambda: self.ns)
        self.shown = []
        self.player = CuePlayer(
            self.signals, lambda: self.ns, lambda cue, ns: self.shown.append((cue.name, ns // MS))
        )

    def run_until(self, ms, every=10):
        """Let time pass in small steps, the worker running at each."""
        while self.ns < ms * MS:
            self.player.run_once(0)
            self.ns += every * MS
        self.player.run_once(0)

    @property
    def lights(self):
        return [event for event in self.signals.events if isinstance(event[1], Lights)]


@pytest.fixture
def stage():
    return Stage()


def cue(*steps, repeat=False, name=CueName.IN):
    return Cue(name, "text", tuple(CueStep(lights, ms) for lights, ms in steps), repeat)


def test_steps_come_at_their_times_and_then_it_is_dark(stage):
    stage.player.show(cue((GREEN, 150), (AMBER, 250), (RED, 1200)), None)
    stage.run_until(4_000)
    assert stage.lights == [(1_000, GREEN), (1_150, AMBER), (1_400, RED), (2_600, DARK)]
    assert stage.shown == [(CueName.IN, 1_000)]


@pytest.mark.parametrize("name", [name for name in CUES if not CUES[name].repeat])
def test_every_cue_that_ends_ends_dark(stage, name):
    stage.player.show(CUES[name], None)
    stage.run_until(6_000)
    assert stage.lights[-1][1] == DARK
    assert stage.lights[-1][0] <= 1_000 + sum(step.ms for step in CUES[name].steps)
    lit = [lights for _, lights in stage.lights]
    assert lit == [
        s.lights for i, s in enumerate(CUES[name].steps) if i == 0 or s.lights != CUES[name].steps[i - 1].lights
    ] + ([DARK] if CUES[name].steps[-1].lights != DARK else [])


@pytest.mark.parametrize("name", [name for name in CUES if CUES[name].repeat])
def test_a_repeating_cue_stops_at_its_deadline_though_nobody_speaks_any_more(stage, name):
    stage.player.show(CUES[name], 5_005)
    stage.run_until(12_000)
    assert all(at <= 5_010 for at, _ in stage.signals.events), "nothing happens after the deadline"
    assert not stage.lights or stage.lights[-1][1] == DARK
    assert name == CueName.IDLE or len(stage.lights) >= 4, "it did repeat"


def test_a_repeating_cue_goes_on_without_a_deadline_and_does_not_drift(stage):
    stage.player.show(cue((AMBER, 200), (DARK, 100), repeat=True, name=CueName.LOOKING), None)
    stage.run_until(61_000, every=7)
    ons = [at for at, lights in stage.lights if lights == AMBER]
    assert len(ons) == 201
    assert max(at - (1_000 + 300 * i) for i, at in enumerate(ons)) <= 7, "lateness never adds up"


def test_a_deadline_cuts_a_cue_that_would_end_later(stage):
    stage.player.show(cue((GREEN, 5_000)), 1_500)
    stage.run_until(3_000)
    assert stage.lights == [(1_000, GREEN), (1_500, DARK)]


def test_a_cue_that_comes_too_late_is_never_shown(stage):
    stage.player.show(CUES[CueName.IN], 1_000)
    stage.run_until(3_000)
    assert stage.signals.events == []
    assert stage.shown == []


def test_a_late_cue_still_ends_the_one_before_it(stage):
    stage.player.show(cue((GREEN, 5_000)), None)
    stage.run_until(1_100)
    stage.player.show(CUES[CueName.REFUSED], 900)
    stage.run_until(2_000)
    assert stage.lights == [(1_000, GREEN), (1_110, DARK)] or stage.lights == [(1_000, GREEN), (1_100, DARK)]


def test_the_latest_cue_wins_at_once_and_nothing_queues(stage):
    stage.player.show(cue((GREEN, 5_000)), None)
    stage.run_until(1_050)
    stage.player.show(cue((AMBER, 5_000), name=CueName.LIGHT), None)
    stage.player.show(cue((RED, 50), name=CueName.REFUSED), None)
    stage.run_until(9_000)
    assert [lights for _, lights in stage.lights] == [GREEN, RED, DARK]
    assert [name for name, _ in stage.shown] == [CueName.IN, CueName.REFUSED]


def test_a_held_up_worker_lands_in_the_step_of_now(stage):
    stage.player.show(cue((GREEN, 100), (AMBER, 100), (RED, 100), (GREEN, 100)), None)
    stage.player.run_once(0)
    stage.ns += 250 * MS
    stage.player.run_once(0)
    assert stage.lights == [(1_000, GREEN), (1_250, RED)]
    stage.ns += 10_000 * MS
    stage.player.run_once(0)
    assert stage.lights[-1] == (11_250, DARK)


def test_the_first_step_is_whole_however_late_the_worker_takes_it(stage):
    stage.player.show(cue((GREEN, 100), (AMBER, 100)), None)
    stage.ns += 500 * MS
    stage.run_until(3_000)
    assert stage.lights == [(1_500, GREEN), (1_600, AMBER), (1_700, DARK)]


def test_the_same_repeating_cue_only_moves_its_deadline(stage):
    looking = cue((AMBER, 200), (DARK, 100), repeat=True, name=CueName.LOOKING)
    for _ in range(20):
        stage.player.show(looking, stage.ns // MS + 500)
        stage.run_until(stage.ns // MS + 30)
    stage.run_until(9_000)
    announced = [event for event in stage.signals.events if event[1] == CueName.LOOKING]
    assert len(announced) == 1
    assert len(stage.shown) == 1
    ons = [at for at, lights in stage.lights if lights == AMBER]
    assert [at - ons[0] for at in ons] == pytest.approx([300 * i for i in range(len(ons))], abs=20)
    assert stage.lights[-1][1] == DARK


def test_the_same_ending_cue_again_begins_again(stage):
    refused = cue((RED, 300), name=CueName.REFUSED)
    stage.player.show(refused, None)
    stage.run_until(1_200)
    stage.player.show(refused, None)
    stage.run_until(3_000)
    assert len(stage.shown) == 2, "two people were refused, and each is told"
    assert stage.lights[-1][0] >= 1_500


def test_a_cue_without_steps_is_dark(stage):
    stage.player.show(cue(repeat=True), None)
    stage.run_until(2_000)
    assert stage.lights == []


def test_closing_is_dark_for_good(stage):
    stage.player.show(cue((GREEN, 5_000)), None)
    stage.run_until(1_100)
    stage.player.close()
    stage.player.close()
    assert stage.lights[-1][1] == DARK
    assert stage.signals.closed == 1
    stage.player.show(CUES[CueName.IN], None)
    count = len(stage.signals.events)
    stage.run_until(2_000)
    assert len(stage.signals.events) == count


def test_broken_lights_are_heard_of_and_still_released(stage):
    def refuse(lights):
        raise SignalsError("broken: mend it")

    stage.signals.apply = refuse
    stage.player.show(CUES[CueName.IN], None)
    with pytest.raises(SignalsError, match="broken"):
        stage.player.run_once(0)
    stage.player.close()
    assert stage.signals.closed == 1


def test_with_real_time_a_waiting_worker_wakes_at_once_and_ends_dark():
    signals = Recorder(time.monotonic_ns)
    shown = threading.Event()
    player = CuePlayer(signals, time.monotonic_ns, lambda cue, ns: shown.set())
    stop = threading.Event()

    def work():
        while not stop.is_set():
            player.run_once(3600)
        player.close()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    begun = time.monotonic_ns()
    player.show(cue((GREEN, 60), (RED, 60)), None)
    try:
        assert shown.wait(60), "the wait of an hour was cut short"
        deadline = time.monotonic() + 60
        while len(signals.events) < 4 and time.monotonic() < deadline:
            stop.wait(0.005)
        events = list(signals.events)
    finally:
        stop.set()
        player.show(cue((GREEN, 60)), None)  # wakes it
        worker.join(60)
    assert not worker.is_alive()
    assert [event for _, event in events] == [CueName.IN, GREEN, RED, DARK]
    assert signals.events[-1][1] == DARK
    at = [when - begun // MS for when, _ in events[1:]]
    assert at[1] >= 59
    assert at[2] >= 119


def test_the_loop_sleeps_between_steps():
    """Without this a worker would spin, and warm the wall."""
    signals = Recorder(time.monotonic_ns)
    player = CuePlayer(signals, time.monotonic_ns)
    player.show(cue((GREEN, 200)), None)
    rounds = 0
    while not signals.events or signals.events[-1][1] != DARK:
        player.run_once(1.0)
        rounds += 1
        assert rounds < 10


def test_the_worker_wakes_for_the_deadline_and_not_only_for_steps():
    signals = Recorder(time.monotonic_ns)
    player = CuePlayer(signals, time.monotonic_ns)
    begun_ms = time.monotonic_ns() // MS
    player.show(cue((GREEN, 60_000), repeat=True), begun_ms + 100)
    for _ in range(3):
        player.run_once(59.0 if signals.events == [] or signals.events[-1][1] != DARK else 0)
    assert signals.events[-1][1] == DARK
    assert 100 <= signals.events[-1][0] - begun_ms < 59_000
