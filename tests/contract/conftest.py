"""The cameras of the contract tests."""

import sys
import types

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
