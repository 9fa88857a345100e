"""A camera that fails does not take badge and PIN along, and is opened again until it gives frames."""

import itertools
import logging

import numpy as np
import pytest

from edge.adapters import reopening_camera
from edge.adapters.reopening_camera import RETRIES_S, SILENT_S, STEADY_S, ReopeningCamera
from edge.domain.camera.identity import CameraIdentity
from edge.domain.face import Frame
from edge.errors import CameraError
from edge.ports import Camera
from tests.support.contracts import contract

pytestmark = contract(Camera, ReopeningCamera, "a camera that fails when it is told to")

LONGEST_S = RETRIES_S[-1]
FRAME = Frame(np.zeros((4, 4, 3), np.uint8), 1)


class Flaky:
    """A camera that does what it is told to."""

    def __init__(self) -> None:
        self.broken: str | Exception | None = None
        self.silent = False
        self.log: list[object] = []

    def open(self) -> None:
        self._do("open")

    def read(self, timeout_s: float) -> Frame | None:
        self._do("read")
        return None if self.silent else FRAME

    def expose(self, ev: float) -> None:
        self._do(ev)

    def identify(self) -> CameraIdentity:
        return CameraIdentity("usb", "flaky")

    def close(self) -> None:
        self.log.append("close")

    def _do(self, what: object) -> None:
        self.log.append(what)
        if isinstance(self.broken, Exception):
            raise self.broken
        if self.broken is not None:
            raise CameraError(self.broken)


class Hands:
    """The time, moved by hand; sleeping moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def hands(monkeypatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(reopening_camera, "time", hands)
    return hands


def test_while_it_works_it_is_the_camera_itself(hands) -> None:
    flaky = Flaky()
    camera = ReopeningCamera(flaky)
    camera.open()
    camera.expose(0.5)
    assert camera.read(0.5) is FRAME
    camera.close()
    assert flaky.log == ["open", 0.5, "read", "close"]


def test_one_that_is_not_there_is_tried_again_now_and_then_and_said_once(hands, caplog) -> None:
    flaky = Flaky()
    flaky.broken = "no camera: push the cable in"
    camera = ReopeningCamera(flaky)
    camera.open()
    began = hands.now
    opened = []
    while hands.now - began < 10 * LONGEST_S:
        before = flaky.log.count("open")
        assert camera.read(0.5) is None
        if flaky.log.count("open") > before:
            opened.append(hands.now - began)
    waits = [later - earlier for earlier, later in itertools.pairwise([0.0, *opened])]
    assert waits[:2] == [pytest.approx(seconds, abs=0.6) for seconds in RETRIES_S[:2]], "soon at first"
    assert waits[2:] == [pytest.approx(LONGEST_S, abs=0.6)] * len(waits[2:]), "and never further apart than this"
    assert camera.counters() == {"camera_restarts": flaky.log.count("open")}
    assert [r.levelno for r in caplog.records] == [logging.ERROR]
    assert "tried again after 2 s, then every 10 s" in caplog.text
    flaky.broken = None
    began = hands.now
    while camera.read(0.5) is None:
        assert hands.now - began <= LONGEST_S


def test_one_that_fails_or_falls_silent_is_closed_and_opened_again_with_its_light(hands, caplog) -> None:
    flaky = Flaky()
    camera = ReopeningCamera(flaky)
    camera.open()
    camera.expose(1.0)
    assert camera.read(0.5) is FRAME
    flaky.broken = "it failed"
    assert camera.read(0.5) is None
    flaky.broken = None
    began = hands.now
    while camera.read(0.5) is None:
        assert hands.now - began <= RETRIES_S[0] + 0.5
    assert flaky.log == ["open", 1.0, "read", "read", "close", "open", 1.0, "read"]
    flaky.silent = True
    began = hands.now
    while flaky.log[-1] != "close":
        assert camera.read(0.5) is None
        hands.now += 0.5
        assert hands.now - began <= SILENT_S + 1.5
    assert "no frame" in caplog.text


def fail_once(flaky, camera, hands) -> float:
    """How long it takes from a failure until frames come again."""
    flaky.broken = "it failed"
    assert camera.read(0.5) is None
    flaky.broken, began = None, hands.now
    while camera.read(0.5) is None:
        pass
    return hands.now - began


def test_one_that_fails_again_and_again_waits_longer_until_it_is_steady(hands) -> None:
    flaky = Flaky()
    camera = ReopeningCamera(flaky)
    camera.open()
    waits = [fail_once(flaky, camera, hands) for _ in range(5)]
    assert waits == [pytest.approx(seconds, abs=0.6) for seconds in (*RETRIES_S, LONGEST_S, LONGEST_S)]
    hands.now += STEADY_S
    assert camera.read(0.5) is FRAME
    assert fail_once(flaky, camera, hands) == pytest.approx(RETRIES_S[0], abs=0.6)
    assert camera.restarts == 6
    assert camera.identify() == CameraIdentity("usb", "flaky")


def test_light_that_it_refuses_loses_it_and_nothing_else(hands, caplog) -> None:
    flaky = Flaky()
    camera = ReopeningCamera(flaky)
    camera.open()
    flaky.broken = "it failed"
    camera.expose(0.5)
    assert camera.read(0.5) is None
    assert flaky.log == ["open", 0.5, "close"]


@pytest.mark.parametrize("error", [ValueError("of numpy"), KeyError("SensorTimestamp"), AssertionError()])
def test_whatever_a_drivers_library_raises_ends_nothing(hands, caplog, error: Exception) -> None:
    flaky = Flaky()
    camera = ReopeningCamera(flaky)
    camera.open()
    flaky.broken = error
    camera.expose(0.5)
    for _ in range(200):
        assert camera.read(0.5) is None
    assert len([one for one in caplog.records if one.levelno == logging.ERROR]) == 1
    assert camera.restarts > 5
    flaky.broken = None
    assert any(camera.read(0.5) is FRAME for _ in range(100))
