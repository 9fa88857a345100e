"""Which camera is the accepted one, and which is none at all."""

from dataclasses import replace

import pytest

from edge.domain.camera.identity import CameraIdentity, other_parts, refusal

C920 = CameraIdentity("usb", "HD Pro Webcam C920 (046d:082d)", "uvcvideo", "usb-0000:01:00.0-1.3", "8A1B2C3D")
MODULE = CameraIdentity("pi", "imx708", "libcamera", "/base/soc/i2c0mux/i2c@1/imx708@1a")


def test_the_same_camera_is_the_same() -> None:
    for one in (C920, MODULE):
        assert other_parts(one, one) == ()
        assert refusal(one, one) is None
        assert refusal(None, one) is None, "the first start accepts what is there"


def test_a_camera_with_a_serial_number_may_move_to_another_port_and_one_without_may_not() -> None:
    moved = replace(C920, place="usb-0000:01:00.0-1.1")
    assert refusal(C920, moved) is None
    assert other_parts(replace(C920, serial=""), replace(moved, serial="")) == ("place",)
    assert other_parts(C920, replace(moved, serial="")) == ("serial", "place")
    assert other_parts(MODULE, replace(MODULE, place="/base/soc/i2c0mux/i2c@0/imx708@1a")) == ("place",)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("model", "HD Pro Webcam C930 (046d:0843)"),
        ("driver", "gspca"),
        ("serial", "FFFFFFFF"),
        ("kind", "pi"),
    ],
)
def test_every_other_part_makes_it_another_camera(part: str, value: str) -> None:
    found = replace(C920, **{part: value})
    said = refusal(C920, found)
    assert said is not None
    assert part in said
    assert str(found) in said
    assert str(C920) in said


@pytest.mark.parametrize(
    ("driver", "model", "place"),
    [
        ("v4l2 loopback", "Dummy video device (0x0000)", "platform:v4l2loopback-000"),
        ("v4l2 loopback", "OBS Virtual Camera", "platform:v4l2loopback-000"),
        ("vivid", "vivid", "platform:vivid-000"),
        ("uvcvideo", "My Cam", "usb-1 (virtual)"),
        ("akvcam", "Webcamoid", "platform:akvcam-0"),
        ("Droidcam", "Droidcam", "platform:v4l2loopback_dc-000"),
        ("libcamera", "Virtual0", "virtual"),
        ("obs", "anything", ""),
    ],
)
def test_a_program_that_plays_a_camera_is_never_accepted(driver: str, model: str, place: str) -> None:
    found = CameraIdentity("usb", model, driver, place)
    assert found.virtual
    assert "virtual camera" in (refusal(None, found) or "")
    assert "virtual camera" in (refusal(found, found) or ""), "not even where somebody wrote it into the file"


@pytest.mark.parametrize(
    "model", ["OBSBOT Tiny 2", "HD Pro Webcam C920", "Observer Cam", "USB 2.0 Camera", "imx219_noir"]
)
def test_real_cameras_are_not_taken_for_programs(model: str) -> None:
    assert not CameraIdentity("usb", model, "uvcvideo", "usb-0000:01:00.0-1").virtual


def test_a_replay_is_virtual() -> None:
    assert CameraIdentity("replay", "video").virtual
    assert str(CameraIdentity("replay", "video", place="/a.mp4")) == "replay:video, at /a.mp4"
