"""What the watched camera believes, frame by frame and opening by opening."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.domain.camera.identity import CameraIdentity
from edge.domain.face import Frame
from edge.errors import CameraError
from edge.terminal.cameras import pin
from edge.terminal.cameras.pin import PIN, CameraPin
from edge.terminal.cameras.watch import WatchedCamera, refuse_changed, unless_replay

NOW = "2026-11-27T08:00:00.000Z"
ONE = CameraIdentity("usb", "C920 (046d:082d)", "uvcvideo", "usb-1", "8A1B")
OTHER = replace(ONE, serial="FFFF")
STEP_MS = 100


class Bench:
    """A camera with a live sensor, an identity, and a clock of its own."""

    def __init__(self) -> None:
        self.identity: CameraIdentity | CameraError = ONE
        self.live, self.is_open = True, False
        self._rng, self._ms = np.random.default_rng(1), 0
        self._last = self._take()

    def open(self) -> None:
        self.is_open = True

    def read(self, timeout_s: float) -> Frame | None:
        self._ms += STEP_MS
        if self.live:
            self._last = self._take()
        return Frame(self._last, self._ms * 1_000_000)

    def expose(self, ev: float) -> None:
        self.ev = ev

    def identify(self) -> CameraIdentity:
        if isinstance(self.identity, CameraError):
            raise self.identity
        return self.identity

    def close(self) -> None:
        self.is_open = False

    def _take(self) -> np.ndarray:
        return self._rng.integers(100, 140, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def watched(bench: Bench, tmp_path: Path) -> WatchedCamera:
    return WatchedCamera(bench, tmp_path, lambda: NOW)


def reads(watched: WatchedCamera, seconds: float) -> None:
    for _ in range(round(seconds * 1000 / STEP_MS)):
        watched.read(1.0)


def reopen(watched: WatchedCamera) -> None:
    watched.close()
    watched.open()


def test_the_first_start_accepts_what_it_finds_and_the_next_one_knows_it(watched, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO)
    watched.open()
    assert pin.read(tmp_path) == CameraPin(ONE, NOW)
    assert "from now on" in caplog.text
    reopen(watched)
    reads(watched, 10)
    assert not watched.changed
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_another_camera_does_not_count_until_it_is_accepted(watched, bench, tmp_path, caplog) -> None:
    watched.open()
    bench.identity = OTHER
    reopen(watched)
    assert watched.changed, "before its first frame"
    reads(watched, 10)
    assert watched.changed
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1, "said once"
    assert "another camera (serial)" in errors[0].getMessage()
    pin.accept(tmp_path, OTHER, NOW)
    reads(watched, 3)
    assert not watched.changed
    pin.undo(tmp_path, NOW)
    reads(watched, 3)
    assert watched.changed
    bench.identity = ONE
    reopen(watched)
    assert not watched.changed


def test_a_virtual_camera_does_not_count_and_is_not_remembered(watched, bench, tmp_path) -> None:
    bench.identity = replace(ONE, driver="v4l2 loopback")
    watched.open()
    reads(watched, 3)
    assert watched.changed
    assert not (tmp_path / PIN).exists()
    bench.identity = ONE
    reopen(watched)
    assert not watched.changed
    assert pin.read(tmp_path) == CameraPin(ONE, NOW)


def test_a_file_that_cannot_be_read_counts_as_another_camera(watched, tmp_path) -> None:
    (tmp_path / PIN).write_bytes(b"{")
    watched.open()
    assert watched.changed
    assert (tmp_path / PIN).read_bytes() == b"{", "nothing is overwritten in silence"


def test_a_file_that_cannot_be_written_stops_nothing(bench, tmp_path, caplog) -> None:
    watched = WatchedCamera(bench, tmp_path / "absent", lambda: NOW)
    watched.open()
    reads(watched, 10)
    assert not watched.changed
    assert caplog.text.count("another one would not be noticed") == 1


def test_a_first_camera_that_the_disk_did_not_take_is_known_and_is_remembered_as_soon_as_it_can_be(
    bench, tmp_path
) -> None:
    state = tmp_path / "absent"
    watched = WatchedCamera(bench, state, lambda: NOW)
    watched.open()
    bench.identity = OTHER
    reopen(watched)
    reads(watched, 3)
    assert watched.changed, "another one, while nothing is on the disk"
    bench.identity = ONE
    reopen(watched)
    assert not watched.changed
    state.mkdir()
    reads(watched, 3)
    assert pin.read(state) == CameraPin(ONE, NOW)


def test_a_stream_that_stands_still_does_not_count_and_counts_again_after_a_minute(watched, bench, caplog) -> None:
    watched.open()
    bench.live = False
    reads(watched, 10)
    assert watched.changed
    assert "the stream is not live: the same frame comes again and again" in caplog.text
    bench.live = True
    reads(watched, 50)
    assert watched.changed
    reads(watched, 20)
    assert not watched.changed
    assert "live again" in caplog.text


def test_a_camera_that_does_not_say_who_it_is_is_closed(watched, bench) -> None:
    bench.identity = CameraError("it is gone; plug it in")
    with pytest.raises(CameraError, match="it is gone"):
        watched.open()
    assert not bench.is_open


def test_a_replay_is_watched_nowhere(bench, tmp_path) -> None:
    assert unless_replay("replay", bench, tmp_path, lambda: NOW) is None
    assert isinstance(unless_replay("usb", bench, tmp_path, lambda: NOW), WatchedCamera)


def test_nobody_is_enrolled_with_another_camera(tmp_path) -> None:
    refuse_changed("usb", ONE, tmp_path)
    pin.accept(tmp_path, ONE, NOW)
    refuse_changed("usb", ONE, tmp_path)
    with pytest.raises(CameraError, match=r"another camera.*camera accept"):
        refuse_changed("usb", OTHER, tmp_path)
    refuse_changed("replay", OTHER, tmp_path)
    (tmp_path / PIN).write_bytes(b"{")
    with pytest.raises(CameraError, match="nobody knows which camera"):
        refuse_changed("usb", ONE, tmp_path)
