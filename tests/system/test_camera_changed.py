"""The real terminal with a camera that is exchanged, repeats itself, or is accepted: faces count or they do not."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.adapters.replay.camera import ReplayCamera, Scene
from edge.cli.terminal.camera import run_show
from edge.domain.camera.identity import CameraIdentity
from edge.domain.face import Frame
from edge.errors import CameraError
from edge.terminal.cameras import pin
from edge.terminal.runtime.lending import Loan
from edge.vision.photo import load_photo
from tests.support.failing_terminal import gate, live

__all__ = ["gate", "live"]  # fixtures

ONE = CameraIdentity("usb", "C920 (046d:082d)", "uvcvideo", "usb-1", "8A1B")
OTHER = replace(ONE, serial="FFFF")
NOW = "2026-11-27T08:00:00.000Z"


class Filming(Loan):
    """An action that films, as an enrolment does."""

    films = True

    def __init__(self) -> None:
        super().__init__(600_000)
        self.turns = self.frames = 0

    def turn(self, frame, look, now_ms) -> None:
        self.turns += 1
        self.frames += frame is not None


class BenchCamera(ReplayCamera):
    """Films a scene as a USB camera would: with noise of its own, until somebody unplugs or exchanges it."""

    def __init__(self) -> None:
        self.scene, self.identity = Scene(), ONE
        self.unplugged, self.noisy = False, True
        self._rng = np.random.default_rng(1)
        super().__init__(self.scene)

    def identify(self) -> CameraIdentity:
        return self.identity

    def read(self, timeout_s: float) -> Frame | None:
        if self.unplugged:
            self.unplugged = False
            raise CameraError("it was unplugged; plug it in again")
        frame = super().read(timeout_s)
        if frame is None or not self.noisy:
            return frame
        noise = self._rng.integers(0, 3, frame.pixels.shape, dtype=np.uint8)
        return Frame(np.minimum(frame.pixels, 252) + noise, frame.captured_ns)


@pytest.fixture
def camera(gate, monkeypatch) -> BenchCamera:
    monkeypatch.setattr("edge.adapters.reopening_camera.RETRIES_S", (0.2,))
    gate.replace('kind = "replay"', 'kind = "usb"\ndevice = "/dev/null"')
    return BenchCamera()


def test_an_exchanged_camera_leaves_badges_and_takes_faces_away_until_it_is_accepted(
    gate, live, camera, enrol, site, photos: Path
) -> None:
    enrol(site, "obama.jpg", "obama2.jpg")
    life = live(gate, camera=camera)
    state = gate.directory / "state"
    life.wait(lambda: pin.read(state) is not None, "the first start remembers its camera")
    camera.identity, camera.unplugged = OTHER, True
    life.wait(lambda: "camera-changed" in life.alarms, "the alarm")
    life.wait(lambda: "badge or PIN" in life.drawn.getvalue(), "its cue")
    camera.scene.show(load_photo(photos / "obama3.jpg"))
    loan = Filming()
    assert life.terminal.attend._lending.offer(loan, 120)
    life.wait(lambda: loan.turns >= 3, "an enrolment waits for frames")
    loan.end("enough")
    assert loan.frames == 0, "nobody is enrolled by this camera"
    life.punches()
    looked = life.terminal._capture.frames
    life.wait(lambda: life.terminal._capture.frames > looked + 60, "seconds of a face that nobody looks at")
    tally = life.terminal.attend.tally
    assert (tally.punches, tally.refused) == (1, {}), "the badge alone"
    pin.accept(state, OTHER, NOW)
    life.wait(lambda: "camera-changed" not in life.alarms, "it is accepted")
    life.wait(lambda: tally.punches + tally.suppressed > 1 or tally.refused, "faces are looked at again")


def test_a_stream_that_repeats_itself_leaves_badges_alone(gate, live, camera) -> None:
    camera.noisy = False  # the empty room of a scene has four patterns of noise, again and again
    life = live(gate, camera=camera)
    life.wait(lambda: "camera-changed" in life.alarms, "the alarm")
    life.punches()
    assert pin.read(gate.directory / "state").accepted == ONE, "it is the right camera all the same"


def test_show_says_what_the_running_terminal_says(gate, live, camera, monkeypatch, capsys) -> None:
    camera.noisy = False
    monkeypatch.setattr("edge.terminal.adapters.camera", lambda _: camera)

    def shows() -> tuple[int, str]:
        return run_show(argparse.Namespace(config=gate.path, json=False)), capsys.readouterr().out

    life = live(gate, camera=camera)
    life.wait(lambda: "camera-changed" in life.alarms, "the alarm")
    code, said = shows()
    assert code == 1
    assert f"accepted  {ONE}" in said
    assert "no face counts: it is the accepted one, but the running terminal has the alarm camera-changed" in said
    (gate.directory / "state" / pin.PIN).write_bytes(b'{"camera": 1, "acc')
    code, said = shows()
    assert code == 1
    assert "accepted  unknown: not a JSON document" in said
    assert "camera accept` accepts what is here" in said
    assert "next start" not in said


def test_without_a_reader_another_camera_is_out_of_service(gate, live, camera) -> None:
    gate.replace('kind = "script"', 'kind = "none"')
    pin.accept(gate.directory / "state", OTHER, NOW)
    life = live(gate, camera=camera)
    life.wait(lambda: "OUT OF SERVICE" in life.drawn.getvalue(), "its cue")
    assert "camera-changed" in life.alarms


def test_the_verbs_show_accept_and_undo(gate, camera, smartclocker) -> None:
    state = gate.directory / "state"

    def camera_(*words: str):
        return smartclocker("camera", *words, "--config", gate.path)

    shown = camera_("show", "--json")
    assert shown.returncode == 1, "/dev/null is no camera"
    assert json.loads(shown.stdout)["counts"] is False
    assert camera_("accept").returncode == 74
    assert "no other camera" in camera_("undo").stderr
    pin.accept(state, ONE, NOW)
    pin.accept(state, OTHER, NOW)
    undone = camera_("undo")
    assert undone.returncode == 0
    assert "8A1B" in undone.stdout.splitlines()[0]
    assert pin.read(state).accepted == ONE
    assert "accepted  usb:C920" in camera_("show").stdout


def test_check_names_the_accepted_camera_and_one_that_is_missing(gate, camera, smartclocker) -> None:
    pin.accept(gate.directory / "state", ONE, NOW)
    said = smartclocker("check", "--config", gate.path).stdout
    assert "problem: camera.device: /dev/null is no camera" in said
    assert "note: camera: accepted on 2026-11-27: usb:C920 (046d:082d), uvcvideo, at usb-1, serial 8A1B" in said
