"""A whole terminal with a strobe before a photograph: lit as a head is, as a print is, or behind a filter."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge import config
from edge.adapters.linux.sd_notify import SilentNotifier
from edge.adapters.replay.camera import ReplayCamera, Scene
from edge.adapters.replay.console_signals import ConsoleSignals
from edge.adapters.replay.strobe import ReplayStrobe, filtered
from edge.demo.stage import WatchedSignals
from edge.domain.attendance.cues import CueName
from edge.domain.face import Frame, Pixels
from edge.domain.recognition.quality import QualityLimits
from edge.errors import SignalsError
from edge.resources import models_directory
from edge.terminal.daemon import Terminal
from edge.terminal.runtime.alarms import Alarm
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

_Y, _X = np.mgrid[:480, :640]


def _falling(returned: np.ndarray) -> Callable[[Pixels], Pixels]:
    def lit(pixels: Pixels) -> Pixels:
        light = (pixels / 255) ** 2.2 + 0.25 * returned[..., None]
        return np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)

    return lit


def as_a_head() -> np.ndarray:
    """An ellipsoid in the middle, 0.5 m away, and a wall behind it: Lambert and the inverse square."""
    across, down = (_X - 320) / 105, (_Y - 240) / 150
    inside = np.clip(1 - across**2 - down**2, 0, 1)
    deep = 0.07 * (1 - np.sqrt(inside))
    return np.where(inside > 0, np.sqrt(inside) * (0.5 / (0.5 + deep)) ** 2, 0.08)


def as_a_print() -> np.ndarray:
    """All in one plane."""
    return np.ones((480, 640))


@contextmanager
def living(site, strobe: ReplayStrobe) -> Iterator[tuple[Terminal, WatchedSignals, Scene]]:
    site.config.write_text(site.config.read_text() + "\n[recognition]\nstrobe = 23\n")
    scene, signals = Scene(), WatchedSignals(ConsoleSignals(io.StringIO()))
    terminal = Terminal(
        config.load(site.config).config,
        notifier=SilentNotifier(),
        camera=ReplayCamera(scene, strobe=strobe),
        signals=signals,
        strobe=strobe,
    )
    thread = threading.Thread(target=terminal.run)
    thread.start()
    try:
        assert signals.wait_for_idle(300)
        yield terminal, signals, scene
    finally:
        terminal.stop.set("the test is over")
        thread.join(300)
        assert not thread.is_alive()


def show(scene: Scene, photos: Path) -> None:
    photo = load_photo(photos / "obama3.jpg")
    (face,) = Pipeline(ModelStore(models_directory()), QualityLimits()).detect(Frame(photo, 0))
    scene.show(photo, aim=face.box)


@pytest.mark.parametrize(
    ("falling", "answer", "counted"),
    [
        (_falling(as_a_head()), CueName.IN, "strobe_face"),
        (_falling(as_a_print()), CueName.REFUSED, "strobe_print"),
        (filtered, CueName.IN, "strobe_nothing"),
    ],
    ids=["head", "print", "filter"],
)
def test_what_the_lamp_shows_decides_or_says_nothing(
    site, enrol, photos: Path, falling: Callable[[Pixels], Pixels], answer: CueName, counted: str
) -> None:
    enrol(site, "obama.jpg", "obama2.jpg")
    strobe = ReplayStrobe(falling)
    with living(site, strobe) as (terminal, signals, scene):
        show(scene, photos)
        # On a busy machine frames come late, and the first flashes may show nothing.
        deadline = time.monotonic() + 300
        while not (answer in signals._seen and terminal.status.counters()[counted]):
            assert time.monotonic() < deadline, (signals._seen, terminal.status.counters())
            time.sleep(0.02)
        told = terminal.status.counters()
        if not told["strobe_unsettled"]:
            assert (CueName.IN in signals._seen) == (answer is CueName.IN)
        others = {"strobe_face", "strobe_print", "strobe_nothing"} - {counted}
        assert not any(told[word] for word in others), "whatever a flash shows, it shows that"
    assert not strobe.lit


def test_a_strobe_that_fails_is_dark_an_alarm_and_no_reason_to_turn_anybody_away(site, enrol, photos: Path) -> None:
    class Failing(ReplayStrobe):
        def light(self, lit: bool) -> None:
            super().light(lit)
            raise SignalsError("a pin failed; check the wiring")

    enrol(site, "obama.jpg", "obama2.jpg")
    strobe = Failing(_falling(as_a_head()))
    with living(site, strobe) as (terminal, signals, scene):
        show(scene, photos)
        deadline = time.monotonic() + 300
        while not (CueName.IN in signals._seen and Alarm.STROBE_FAILING in terminal.status.alarms):
            assert time.monotonic() < deadline, (signals._seen, terminal.status.counters())
            assert not terminal.stop.is_set(), terminal.stop.reason
            time.sleep(0.02)
        assert terminal.status.counters()["strobe_nothing"]
        assert not strobe.lit
    assert not strobe.lit


def test_a_crash_of_the_attending_loop_in_the_middle_of_a_flash_leaves_it_dark(site, photos: Path) -> None:
    strobe = ReplayStrobe()
    with living(site, strobe) as (terminal, _, scene):

        def crash(frame: Frame) -> bool:
            if strobe.lit:
                raise ZeroDivisionError
            return False

        assert terminal._strobing is not None
        terminal._strobing._has_a_part = crash
        show(scene, photos)
        deadline = time.monotonic() + 300
        while not terminal.stop.is_set():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert terminal.stop.reason == "attend: ZeroDivisionError"
    assert not strobe.lit


def test_without_the_key_there_is_no_strobe(site) -> None:
    terminal = Terminal(config.load(site.config).config, notifier=SilentNotifier())
    assert terminal._lamp is None
    assert "strobe" not in {worker.name for worker in terminal._workers}
    assert not [key for key in terminal.status.counters() if key.startswith("strobe")]
