"""The strobe on the whole way of a punch: the attending loop, its journal, a lamp, a camera with a rolling shutter.

The frames are drawn (`strobe_scene.py`). Where a face is and whose is told; all behind it is the product's.
"""

import io
import queue
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from edge import config
from edge.adapters.replay.console_signals import ConsoleSignals
from edge.adapters.replay.strobe import ReplayStrobe
from edge.domain.face import Box, Frame, Probe, Sight, Traces
from edge.domain.pad.strobe_timing import EVERY_MS, LONGEST_MS
from edge.domain.people.credentials import Read
from edge.people.person import new_person_id
from edge.sandbox import write_terminal
from edge.terminal import factory, installed
from edge.terminal.attendance.attend_loop import Attend
from edge.terminal.attendance.capture import Pace
from edge.terminal.attendance.cue_player import CuePlayer
from edge.terminal.attendance.strobe import BLIND, Lamp, Strobing
from edge.terminal.runtime.alarms import Alarm
from edge.terminal.runtime.latency import Latency
from edge.terminal.runtime.workers import LatestSlot
from tests.support.clock import HandClock
from tests.support.people import consent
from tests.support.strobe_scene import View, display, filmed, flat, head

ANN = np.eye(1, 8, dtype=np.float32)[0]
STEP_MS = 66
FACE = np.random.default_rng(5).integers(90, 110, (128, 128)).astype(np.uint8)
VIEWS: dict[str, Callable[[], View]] = {
    "head": lambda: head(0.5),
    "print": lambda: flat(head(0.5), 0.45),
    "display": lambda: display(head(0.5)),
}


@cache
def pictures(name: str, power: float) -> tuple[View, list[np.ndarray], list[np.ndarray]]:
    """A view, unlit and lit, each with four patterns of noise."""
    view = VIEWS[name]()
    room = view.room()
    unlit = [filmed(room, seed=seed) for seed in range(4)]
    return view, unlit, [filmed(room + power * view.lamp(), seed=seed) for seed in range(4, 8)]


class Eyes:
    """In place of the models: told whose face is there, it never sees a frame that the lamp had a part in."""

    def __init__(self, embedder_id: str) -> None:
        self.embedder_id, self.model_ids = embedder_id, (embedder_id,)
        self.face: Box | None = None
        self.who = ANN
        self.looked: list[np.ndarray] = []

    def look(self, frame: Frame) -> Sight:
        self.looked.append(frame.pixels)
        if self.face is None:
            return Sight(frame.captured_ns)
        box = self.face
        x, y = np.meshgrid(np.linspace(box.x0, box.x1, 26), np.linspace(box.y0, box.y1, 18))
        points = np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
        traces = Traces(box, points, np.full((120, 160), 128, np.uint8), 4, FACE)
        probe = Probe(self.who, self.embedder_id, 0.99, 0.9, traces=traces)
        return Sight(frame.captured_ns, box, None, probe)


class Stand:
    """A terminal that is driven frame by frame; a frame comes a frame's length after it was taken."""

    def __init__(self, directory, photos, pin: int) -> None:
        path = write_terminal(directory, photos)
        path.write_text(path.read_text() + f"\n[recognition]\nstrobe = {pin}\n")
        loaded = config.load(path).config
        secrets, policy = installed.load_secrets(loaded), installed.policy(loaded)
        self.clock, self.strobe = HandClock(), ReplayStrobe()
        self.eyes = Eyes(installed.model_store(loaded).template.id)
        installed.open_journal(
            loaded, secrets
        ).close()  # first: people without a journal are a journal that is gone
        with installed.open_people(loaded, secrets) as people:
            people.enrol(new_person_id(), "Ann", consent(policy), policy, ANN[None], self.eyes.embedder_id)
        rules = factory.rules(loaded, installed.model_store(loaded))
        self.lamp = Lamp(self.strobe, self.clock.monotonic_ns) if pin else None
        self.strobing = None if self.lamp is None else Strobing(self.lamp, 1000 / STEP_MS)
        self.slot: LatestSlot[Frame] = LatestSlot()
        self.attend = Attend(
            self.slot, queue.SimpleQueue[Read](), lambda: installed.open_journal(loaded, secrets),
            lambda: installed.open_people(loaded, secrets),
            *factory.recognition(loaded, rules, self.eyes, Pace(), self.strobing),
            CuePlayer(ConsoleSignals(io.StringIO()), self.clock.monotonic_ns), self.clock, rules, Latency(),
            lambda: None,
        )  # fmt: skip
        self.attend.open()
        self.lit: list[bool] = []
        """The lamp in each step."""
        self._taken: list[tuple[np.ndarray, int]] = []

    def step(self, name: str | None, *, power: float = 1.0, who: np.ndarray = ANN, shift: float = 0.0) -> None:
        """One frame of a view, or of nobody; `shift` moves where the face is said to be."""
        view, unlit, lit = pictures(name or "head", power)
        box = view.face
        self.eyes.face = None if name is None else Box(box.x0 + shift, box.y0, box.x1 + shift, box.y1)
        self.eyes.who = who
        self.clock.passes(STEP_MS / 1000)
        if self.lamp is not None:
            self.lamp.run_once(0)
        self.lit.append(self.strobe.lit)
        number = len(self.lit)
        # Rows above are exposed in the step before, those below in this one.
        above, below = ((lit if on else unlit)[number % 4] for on in (self.lit[-2:-1] or [False]) + self.lit[-1:])
        frame = above if above is below else np.concatenate([above[:240], below[240:]])
        self._taken.append((frame, self.clock.monotonic_ns() - STEP_MS * 500_000))
        if len(self._taken) > 1:
            self.slot.put(Frame(*self._taken[-2]))
            self.attend.run_once()

    def until_answered(self, name: str, **words) -> tuple[str, int]:
        """What it said of somebody, and after how many frames."""
        tally = self.attend.tally
        before = (tally.punches, dict(tally.refused))
        for frames in range(1, 120):
            self.step(name, **words)
            if tally.punches > before[0]:
                return "punch", frames
            if tally.refused != before[1]:
                (reason,) = {key for key, count in tally.refused.items() if count > before[1].get(key, 0)}
                return str(reason), frames
        return "nothing", 120


@pytest.fixture
def stand(tmp_path, photos):
    stands = []

    def make(pin: int = 23) -> Stand:
        stands.append(Stand(tmp_path / f"terminal{len(stands)}", photos, pin))
        return stands[-1]

    yield make
    for one in stands:
        one.attend.close()


def test_a_head_is_let_in_after_one_flash(stand) -> None:
    terminal = stand()
    answer, frames = terminal.until_answered("head")
    assert answer == "punch"
    assert frames * STEP_MS < 1_000
    assert terminal.strobing.counters()["strobe_face"] == 1
    assert sum(terminal.lit) * STEP_MS <= LONGEST_MS


@pytest.mark.parametrize(("name", "found"), [("print", "strobe_print"), ("display", "strobe_screen")])
def test_a_flat_picture_of_her_is_refused_and_looks_like_a_stranger(stand, name: str, found: str) -> None:
    terminal = stand()
    assert terminal.until_answered(name)[0] == "not-recognised"
    counters = terminal.strobing.counters()
    assert counters[found] >= 1
    assert counters["strobe_face"] == 0


@pytest.mark.parametrize("name", list(VIEWS))
def test_without_the_key_nothing_is_lit_and_nothing_waits(stand, name: str) -> None:
    terminal = stand(0)
    # Three frames that agree, and one of delay.
    assert terminal.until_answered(name) == ("punch", 4)
    assert not any(terminal.lit)
    assert terminal.attend.alarms == ()


@pytest.mark.parametrize("name", ["head", "print"])
def test_with_an_infrared_filter_it_abstains_and_says_so_in_the_end(stand, name: str) -> None:
    terminal = stand()
    assert terminal.until_answered(name, power=0.0)[0] == "punch"
    assert Alarm.STROBE_BLIND not in terminal.attend.alarms
    for _ in range(BLIND):
        for _ in range(15):
            terminal.step(None)
        terminal.until_answered("head", power=0.0)
        if terminal.attend.alarms:
            break
    assert terminal.attend.alarms == (Alarm.STROBE_BLIND,)
    for _ in range(15):
        terminal.step(None)
    terminal.until_answered("head")
    assert terminal.attend.alarms == ()


def test_nobody_is_recognised_by_a_lit_or_a_mixed_frame(stand) -> None:
    terminal = stand()
    terminal.until_answered("head")
    _, unlit, _ = pictures("head", 1.0)
    assert all(any(frame is one for one in unlit) for frame in terminal.eyes.looked)
    assert 3 <= len(terminal.eyes.looked) < len(terminal.lit)


def test_the_lamp_is_dark_before_and_after_and_while_somebody_lingers(stand) -> None:
    terminal = stand()
    for _ in range(30):
        terminal.step(None)
    assert not any(terminal.lit)
    terminal.until_answered("head")
    for _ in range(3):
        terminal.step("head")
    terminal.lit.clear()
    for _ in range(60):
        terminal.step("head")
    for _ in range(60):
        terminal.step(None)
    assert not any(terminal.lit)


def test_for_a_stranger_who_stays_its_duty_is_bounded(stand) -> None:
    terminal = stand()
    stranger = np.eye(2, 8, dtype=np.float32)[1]
    for _ in range(10_000 // STEP_MS):
        terminal.step("head", who=stranger)
    assert terminal.attend.tally.punches == 0
    assert 0 < sum(terminal.lit) / len(terminal.lit) <= LONGEST_MS / EVERY_MS
    runs = "".join("x" if lit else " " for lit in terminal.lit).split()
    assert max(map(len, runs)) * STEP_MS <= LONGEST_MS + STEP_MS


def test_a_face_that_goes_in_the_middle_of_a_flash_leaves_it_dark(stand) -> None:
    terminal = stand()
    while not terminal.strobe.lit:
        terminal.step("head")
    for _ in range(LONGEST_MS // STEP_MS + 1):
        terminal.step(None)
    terminal.lit.clear()
    for _ in range(40):
        terminal.step(None)
    assert not any(terminal.lit)
    assert terminal.until_answered("head")[0] == "punch", "whoever comes next is attended to as ever"


def test_who_never_holds_still_is_not_recognised(stand) -> None:
    terminal = stand()
    for number in range(46):
        terminal.step("head", shift=4.0 * number)
    assert terminal.attend.tally.punches == 0
    assert terminal.attend.tally.refused == {"not-recognised": 1}
    assert terminal.strobing.counters()["strobe_unsettled"] >= 2


def test_a_print_is_not_let_in_by_a_face_at_the_next_flash(stand) -> None:
    terminal = stand()
    while not any(count for word, count in terminal.strobing.counters().items() if word == "strobe_print"):
        terminal.step("print")
    for _ in range(EVERY_MS // STEP_MS + 8):
        terminal.step("head")
    assert terminal.strobing.counters()["strobe_face"] >= 1
    assert terminal.attend.tally.punches == 0, "the first flash is not forgotten within a decision's span"
