"""The file with the accepted camera: written once, changed by an operator, undone once, and never half."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.camera.identity import CameraIdentity
from edge.errors import CameraError, RecordError
from edge.terminal.cameras import pin
from edge.terminal.cameras.pin import PIN, CameraPin

NOW = "2026-11-27T08:00:00.000Z"
LATER = "2026-11-28T08:00:00.000Z"
ONE = CameraIdentity("usb", "C920 (046d:082d)", "uvcvideo", "usb-1", "8A1B")
OTHER = replace(ONE, serial="FFFF")


def test_without_a_file_nothing_is_accepted(tmp_path: Path) -> None:
    assert pin.read(tmp_path) is None


def test_a_camera_is_accepted_replaced_and_put_back(tmp_path: Path) -> None:
    assert pin.accept(tmp_path, ONE, NOW) == CameraPin(ONE, NOW)
    assert pin.accept(tmp_path, ONE, LATER) == CameraPin(ONE, NOW), "the same one again changes nothing"
    assert pin.accept(tmp_path, OTHER, LATER) == CameraPin(OTHER, LATER, ONE)
    assert pin.undo(tmp_path, LATER) == CameraPin(ONE, LATER, OTHER)
    assert pin.undo(tmp_path, LATER) == CameraPin(OTHER, LATER, ONE) == pin.read(tmp_path)
    assert (tmp_path / PIN).stat().st_mode & 0o777 == 0o600


def test_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    for prepare in (lambda: None, lambda: pin.accept(tmp_path, ONE, NOW)):
        prepare()
        with pytest.raises(CameraError, match="no other camera was accepted before"):
            pin.undo(tmp_path, NOW)


def test_a_virtual_camera_is_not_accepted(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r'plays a camera.*camera\.kind = "replay"'):
        pin.accept(tmp_path, replace(ONE, driver="v4l2 loopback"), NOW)
    assert pin.read(tmp_path) is None


GOOD = {"camera": 1, "accepted": dict.fromkeys(CameraIdentity.__slots__, "x"), "at": NOW, "before": None}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        json.dumps({**GOOD, "camera": 2}).encode(),
        json.dumps({**GOOD, "at": 5}).encode(),
        json.dumps({**GOOD, "accepted": None}).encode(),
        json.dumps({**GOOD, "accepted": {"kind": "usb"}}).encode(),
        json.dumps({**GOOD, "accepted": {**GOOD["accepted"], "serial": 1}}).encode(),
        json.dumps({**GOOD, "accepted": {**GOOD["accepted"], "model": "x" * 501}}).encode(),
        json.dumps({**GOOD, "before": "usb"}).encode(),
        b" " * 20_000,
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_can_be_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PIN).write_bytes(content)
    with pytest.raises(RecordError):
        pin.read(tmp_path)
    assert pin.accept(tmp_path, ONE, NOW) == CameraPin(ONE, NOW) == pin.read(tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_something_that_is_no_file_is_named_and_nobody_waits_for_it(tmp_path: Path, make) -> None:
    make(tmp_path / PIN)
    with pytest.raises(RecordError, match="cannot be read"):
        pin.read(tmp_path)
