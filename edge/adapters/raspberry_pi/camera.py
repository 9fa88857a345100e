"""The Raspberry Pi camera, through picamera2 on libcamera.

Written against picamera2 0.3.38 and its manual. What we build on, and the contract test's stand-in repeats:

- The format called BGR888 lies in memory as R, G, B (the name counts from the most significant byte), so its
  arrays are RGB as we want them. `make_array` copies, so the buffer may go back at once.
- `capture_request(wait=False)` gives a job; `job.get_result(timeout=…)` raises TimeoutError while no frame comes (a
  loose cable: without a limit it waits for ever). The job stays queued, so it is kept and asked again: a new one
  would leave the old one to take a frame that nobody releases.
- Every request is released, or the camera runs out of buffers and stops.
- SensorTimestamp is CLOCK_BOOTTIME in ns. libcamera's page says that it is when the first row is exposed; on the Pi
  it is when that row is read out, the end of its exposure: picamera2 subtracts ExposureTime to find the start.
- `camera_controls` names AfMode only where the module has a lens that moves (Camera Module 3); elsewhere every Af…
  control would be refused. Its ranges overlap: *normal* goes from infinity to 8 cm, *macro* only from 33 cm to 7 cm
  (0 to 12 and 3 to 15 dioptres in libcamera's imx708.json), so that faces at 40 to 120 cm need *normal*. What
  favours them is the window that is measured: the middle of the picture, and not the wall around it.
- ScalerCrop and AfWindows count in pixels of ScalerCropMaximum, which is known once the camera is configured. A
  crop of another shape than the picture would be stretched.

Crop and autofocus were tested against the stand-in only, and not yet on a board.
"""

import contextlib
import importlib
import logging
import re
import time
from types import ModuleType
from typing import Any

import numpy as np

from edge.adapters.frame_times import FrameTimes
from edge.adapters.picture_geometry import WHOLE, PictureGeometry, Rectangle, part_of, shaped
from edge.adapters.raspberry_pi import library_logs
from edge.adapters.raspberry_pi.library_logs import LibraryLogs
from edge.domain.camera.identity import CameraIdentity
from edge.domain.face import Frame, Pixels
from edge.errors import CameraError

_log = logging.getLogger(__name__)

_FORMAT = "BGR888"
_BUFFERS = 4
"""Three in flight keep the sensor at full rate; one is in our hands."""
_FACES: Rectangle = (25, 15, 50, 60)
"""Where faces are, in per cent of the picture: the part on which the lens is focused."""
_CONTINUOUS, _NORMAL_RANGE, _FAST, _WINDOWS = 2, 0, 1, 1
"""AfModeContinuous, AfRangeNormal, AfSpeedFast and AfMeteringWindows of libcamera."""
_NO_CONTROL = re.compile(r"Control (\w+) is not advert\w+")
"""picamera2's words for a control that the camera does not have (some versions write `advertied`)."""


class PiCamera:
    """The Camera port on picamera2."""

    def __init__(
        self,
        *,
        size: tuple[int, int] = (640, 480),
        fps: float = 15,
        number: int = 0,
        geometry: PictureGeometry | None = None,
    ) -> None:
        """`size` is (width, height) before the picture is turned; `number` counts the cameras as `rpicam-hello
        --list-cameras` does.
        """
        self._geometry = geometry or PictureGeometry()
        self._size = size
        self._frame_us = round(1e6 / fps)
        self._number = number
        self._camera: Any = None
        self._job: Any = None
        self._times = FrameTimes()
        self._logs = LibraryLogs()

    def identify(self) -> CameraIdentity:
        """The sensor at this port now, also while another program films with it. Raises CameraError."""
        picamera2 = load_library()
        try:
            found = picamera2.Picamera2.global_camera_info()
        except (RuntimeError, OSError) as error:
            raise CameraError(f"libcamera names no camera ({error}): rpicam-hello --list-cameras must") from error
        mine = next((one for one in found if one.get("Num") == self._number), None)
        if mine is None:
            raise CameraError(_missing(self._number, len(found)))
        return CameraIdentity("pi", str(mine.get("Model", "")), "libcamera", str(mine.get("Id", "")))

    def open(self) -> None:
        """Configure and start the camera. Raises CameraError with the cure."""
        if self._camera is not None:
            return
        picamera2 = load_library()
        self._logs.opening()
        try:
            camera = picamera2.Picamera2(self._number)
        except (RuntimeError, IndexError, OSError) as error:
            raise CameraError(_explain(error, picamera2, self._number)) from error
        try:
            camera.configure(
                camera.create_video_configuration(
                    main={"size": self._size, "format": _FORMAT},
                    buffer_count=_BUFFERS,
                    # The newest frame, not the oldest waiting one.
                    queue=False,
                    controls={"FrameDurationLimits": (self._frame_us, self._frame_us)},
                )
            )
            camera.set_controls(self._focus_and_crop(camera))
            camera.start()
        except (RuntimeError, ValueError, OSError) as error:
            with contextlib.suppress(RuntimeError, OSError):
                camera.close()
            raise CameraError(self._refused(error)) from error
        self._camera, self._times = camera, FrameTimes()

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame; None when the camera delivers none in time. Raises CameraError."""
        if self._camera is None:
            raise CameraError("the camera is not open: call open() first")
        try:
            if self._job is None:
                self._job = self._camera.capture_request(wait=False)
            try:
                request = self._job.get_result(timeout=timeout_s)
            except TimeoutError:
                return None
            self._job = None
            try:
                pixels = request.make_array("main")
                metadata = request.get_metadata()
            finally:
                request.release()
        except (RuntimeError, ValueError, OSError) as error:
            raise CameraError(f"the camera failed ({error}): check its cable, then restart the service") from error
        self._logs.filming()
        captured_ns = self._times.of(_captured_ns(metadata), time.monotonic_ns())
        return Frame(self._geometry.turned(self._checked(pixels)), captured_ns)

    def expose(self, ev: float) -> None:
        """Move the target of the automatic exposure (libcamera's ExposureValue, in stops). Raises CameraError."""
        if self._camera is None:
            raise CameraError("the camera is not open: call open() first")
        try:
            self._camera.set_controls({"ExposureValue": ev})
        except (RuntimeError, ValueError, OSError) as error:
            failed = f"the camera failed ({error}): check its cable, then restart the service"
            raise CameraError(_without_control(error) or failed) from error

    def close(self) -> None:
        """Stop the camera and give it back; safe to call twice, and without open."""
        camera, self._camera = self._camera, None
        job, self._job = self._job, None
        if camera is None:
            return
        try:
            if job is not None:
                # As its documentation says: this tidies up after a time-out, so that the camera can be closed.
                camera.cancel_all_and_flush()
            camera.close()
        except (RuntimeError, OSError) as error:
            # Nothing more can be done with it, and a shutdown must go on.
            _log.warning("the camera did not close cleanly: %s", error)

    def _focus_and_crop(self, camera: Any) -> dict[str, Any]:
        """The controls that need the configured camera: the crop, and the focus where the lens can be moved."""
        left, top, width, height = camera.camera_properties.get("ScalerCropMaximum", (0, 0, 0, 0))
        whole: Rectangle = (left, top, width, height)
        controls: dict[str, Any] = {}
        kept = shaped(whole, self._size) if width and height else whole
        if self._geometry.crop != WHOLE and width and height:
            kept = shaped(part_of(whole, self._geometry.crop), self._size)
            controls["ScalerCrop"] = kept
        if "AfMode" in camera.camera_controls:
            controls |= {"AfMode": _CONTINUOUS, "AfRange": _NORMAL_RANGE, "AfSpeed": _FAST}
            if width and height:
                controls |= {"AfMetering": _WINDOWS, "AfWindows": [part_of(kept, _FACES)]}
        return controls

    def _refused(self, error: Exception) -> str:
        """Why the camera could not be configured, and the cure: a control that it does not have is no matter of
        the size.
        """
        (width, height), fps = self._size, 1e6 / self._frame_us
        return _without_control(error) or (
            f"the camera refuses {width}×{height} pixels at {fps:g} frames a second ({error}): choose a size that "
            "rpicam-hello --list-cameras lists"
        )

    def _checked(self, pixels: Any) -> Pixels:
        width, height = self._size
        if pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
            raise CameraError(
                f"the camera gives {pixels.shape} {pixels.dtype} where {(height, width, 3)} uint8 was asked for: "
                "choose another size in the configuration (widths that are multiples of 64 suit every Pi)"
            )
        whole: Pixels = pixels
        return whole


def load_library() -> ModuleType:
    """picamera2, which comes with the system and is not in the package index. Raises CameraError with the cure."""
    library_logs.choose_levels()
    try:
        # Only a Pi has it, and importing it takes a second there.
        return importlib.import_module("picamera2")
    except ImportError as error:
        raise CameraError(
            f"the camera library cannot be loaded ({error}): apt install python3-picamera2, and make the virtual "
            "environment with --system-site-packages (libcamera is not on PyPI); provisioning/install.sh does both"
        ) from error
    except ValueError as error:
        # "numpy.dtype size changed": the system's simplejpeg was built against another numpy than ours.
        raise CameraError(
            f"the camera library does not fit numpy ({error}): install from provisioning/locks/terminal.txt"
        ) from error


def _explain(error: Exception, picamera2: ModuleType, number: int) -> str:
    found = len(picamera2.Picamera2.global_camera_info())
    if number >= found:
        return _missing(number, found)
    return (
        f"camera {number} cannot be opened ({error.__cause__ or error}): stop the program that is using it (fuser "
        "/dev/media*), and see that the user is in the group video"
    )


def _without_control(error: Exception) -> str | None:
    """What to say when the camera lacks a control; None for every other error."""
    found = _NO_CONTROL.search(str(error))
    if found is None:
        return None
    name = found[1]
    cure = (
        "remove camera.crop from the configuration"
        if name == "ScalerCrop"
        else "bring the system up to date (apt full-upgrade), or take a camera that Raspberry Pi OS supports "
        "at this port, or a USB camera (camera.kind)"
    )
    return f"the camera has no control {name} ({error}): {cure}"


def _missing(number: int, found: int) -> str:
    return (
        f"there is no camera {number} ({found} found): push the ribbon cable in fully at both ends, then "
        "rpicam-hello --list-cameras must name it"
    )


def _captured_ns(metadata: dict[str, Any]) -> int | None:
    """SensorTimestamp on the monotonic clock; None when the camera gives no timestamp."""
    read_out_ns = metadata.get("SensorTimestamp")
    if read_out_ns is None:
        return None
    # Both clocks run at the same rate, but boottime also counts suspends: so their difference is measured each
    # time.
    boot_ahead_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return int(read_out_ns) - boot_ahead_ns
