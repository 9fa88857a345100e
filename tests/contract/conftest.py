"""The cameras of the contract tests, and the line that says on what they ran."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tests.support.camera_bytes import RED
from tests.support.clips import make_film
from tests.support.fake_picamera2 import FakePicamera2
from tests.support.fake_v4l2 import FakeV4l2


@pytest.fixture
def bench(monkeypatch):
    module = types.ModuleType("picamera2")
    fake = type("Picamera2", (FakePicamera2,), {"opened": []})
    module.Picamera2 = fake
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return fake


@pytest.fixture
def usb():
    kernel = FakeV4l2()
    yield kernel
    kernel.close_all()


@pytest.fixture
def clip(tmp_path):
    noise = np.random.default_rng(1).integers(0, 40, (30, 240, 320, 3), dtype=np.uint8)
    return make_film(tmp_path / "clip.mp4", noise + np.array(RED, np.uint8), rate=60)


CAMERAS_RAN_ON = (
    "camera contract: Pi: stand-in for picamera2, no board here",
    "camera contract: USB: stand-in for the kernel's V4L2 at its system calls, "
    + ("not one of the devices that are here" if list(Path("/dev").glob("video*")) else "no loop device here"),
    "camera contract: folder, pictures, scene, film: the shipped adapters, files decoded by Pillow and PyAV",
)


def pytest_terminal_summary(terminalreporter) -> None:
    """Says what was real, whatever the number of workers."""
    ran = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    if any("contract/test_cameras.py" in report.nodeid for report in ran):
        for line in CAMERAS_RAN_ON:
            terminalreporter.write_line(line)
