"""A stand-in for picamera2 0.3.38. It does what the documentation says of frames, buffers, jobs and controls, so
that a leak or a wrong byte order shows here as it would there.
"""

import time
from typing import ClassVar

import numpy as np

from tests.support.camera_bytes import RED


class FakeRequest:
    def __init__(self, camera):
        self.camera, self.released = camera, False
        self.metadata = {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "ExposureTime": 9_000}

    def make_array(self, name):
        assert name == "main"
        assert not self.released, "the buffer went back before it was copied"
        width, height = self.camera.config["main"]["size"]
        rgb = np.full((height, width, 3), RED, np.uint8)
        if self.camera.ev:  # what a sensor makes of it: twice the light a stop, then clipped
            rgb = np.clip(rgb * 2.0**self.camera.ev, 0, 255).astype(np.uint8)
        return {"BGR888": rgb, "RGB888": rgb[..., ::-1]}[self.camera.config["main"]["format"]]

    def get_metadata(self):
        return self.metadata if self.camera.metadata is None else dict(self.camera.metadata)

    def release(self):
        assert not self.released
        self.released = True
        self.camera.in_hands -= 1


class FakeJob:
    def __init__(self, camera):
        self.camera = camera

    def get_result(self, timeout=None):
        camera = self.camera
        assert timeout is not None, "without a limit it would wait for ever"
        assert self in camera.jobs, "asked for a job that was cancelled or has ended"
        if camera.unplugged or camera.in_hands >= camera.config["buffer_count"]:
            raise TimeoutError
        if camera.broken:
            raise RuntimeError("camera frontend has timed out")
        camera.jobs.remove(self)
        camera.in_hands += 1
        return FakeRequest(camera)


WHOLE_SENSOR = (0, 0, 4608, 2592)


class FakePicamera2:
    """One camera; the class's attributes are what the bench has plugged in."""

    plugged_in = 1
    model = "imx708"
    autofocus = True
    busy = False
    opened: ClassVar[list["FakePicamera2"]] = []
    refuse_configuration = False

    @staticmethod
    def global_camera_info():
        model = FakePicamera2.model
        return [
            {
                "Num": n,
                "Model": model,
                "Location": 2,
                "Rotation": 180,
                "Id": f"/base/soc/i2c0mux/i2c@{n}/{model}@1a",
            }
            for n in range(FakePicamera2.plugged_in)
        ]

    def __init__(self, camera_num=0):
        if camera_num >= self.plugged_in:
            raise RuntimeError(f"No camera number {camera_num} found")
        if self.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.") from RuntimeError(
                "Device or resource busy"
            )
        self.config: dict = {}
        self.started = self.closed = False
        self.jobs: list[FakeJob] = []
        self.in_hands = 0
        self.ev = 0.0
        self.unplugged = self.broken = False
        self.metadata: dict | None = None
        self.set: dict = {}
        self.camera_controls = {"ExposureValue": (-8.0, 8.0, 0.0)}
        if self.autofocus:
            self.camera_controls |= dict.fromkeys(("AfMode", "AfRange", "AfSpeed", "AfMetering", "AfWindows"))
        self.camera_properties = {"Model": self.model, "ScalerCropMaximum": (0, 0, 0, 0)}
        self.opened.append(self)

    def create_video_configuration(self, main, buffer_count=6, queue=True, controls=None):
        return {"main": dict(main), "buffer_count": buffer_count, "queue": queue, "controls": controls}

    def configure(self, config):
        if self.refuse_configuration:
            raise RuntimeError("Failed to configure camera: bad size")
        self.config = config
        self.camera_properties["ScalerCropMaximum"] = WHOLE_SENSOR

    def start(self):
        self.started = True

    def capture_request(self, wait=None):
        assert wait is False
        assert self.started
        job = FakeJob(self)
        self.jobs.append(job)
        return job

    def set_controls(self, controls):
        if self.broken:
            raise RuntimeError("camera frontend has timed out")
        for name in controls:
            if name not in self.camera_controls and name != "ScalerCrop":
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self.set |= controls
        if "ExposureValue" in controls:
            assert -8.0 <= controls["ExposureValue"] <= 8.0
            self.ev = controls["ExposureValue"]

    def cancel_all_and_flush(self):
        self.jobs.clear()

    def close(self):
        assert not self.jobs, "a job is left in the queue"
        self.started, self.closed = False, True
