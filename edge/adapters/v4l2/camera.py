"""The USB camera: the Camera port on V4L2. Every camera of the class UVC works, without a driver of its own.

It takes YUYV where the camera gives it at the size and rate that were asked for, because nothing is lost in it, and
MJPEG otherwise: USB 2 carries 640×480 YUYV at 30 frames a second, and larger pictures only as MJPEG.

A USB camera has no common control for the target of its automatic exposure. So `expose` brightens or darkens the
picture that the camera gave: a face in the shade becomes brighter, but what is burnt out stays so.
"""

import errno
import os
import stat
import time
from pathlib import Path

from edge.adapters.frame_times import FrameTimes
from edge.adapters.picture_geometry import PictureGeometry
from edge.adapters.picture_light import exposed
from edge.adapters.v4l2 import abi, sysfs
from edge.adapters.v4l2.decoding import BrokenFrame, from_mjpeg, from_yuyv
from edge.adapters.v4l2.device import Offer, SystemCalls, VideoDevice
from edge.domain.camera.identity import CameraIdentity
from edge.domain.face import Frame, Pixels
from edge.errors import CameraError

_BY_ID = Path("/dev/v4l/by-id")
_MOST_BROKEN = 30
"""After so many broken frames one after another, the camera has failed. Many send one or two when they start."""
_NAMES = {abi.YUYV: "YUYV", abi.MJPEG: "MJPEG", abi.JPEG: "JPEG"}
"""The formats that can be decoded, the best first."""
_SAME_RATE = 0.5
"""Frames a second by which two rates may differ and be the same."""


class UsbCamera:
    """The Camera port on one V4L2 device."""

    def __init__(
        self,
        device: Path,
        *,
        size: tuple[int, int] = (640, 480),
        fps: float = 15,
        geometry: PictureGeometry | None = None,
        calls: SystemCalls | None = None,
    ) -> None:
        """`device` is best a name of /dev/v4l/by-id; `size` is (width, height) before it is cropped and turned."""
        self._path, self._size, self._fps = device, size, fps
        self._geometry = geometry or PictureGeometry()
        self._calls = calls or SystemCalls()
        self._device: VideoDevice | None = None
        self._format = abi.PixelFormat()
        self._ev, self._broken = 0.0, 0
        self._times = FrameTimes()

    def identify(self) -> CameraIdentity:
        """The camera behind the name now, also while another program films with it. Raises CameraError."""
        device = self._device or self._opened()
        try:
            return self._identity(device.capability())
        except OSError as error:
            raise self._failed(error) from error
        finally:
            if device is not self._device:
                device.close()

    def open(self) -> None:
        """Choose format, size and rate, and start the stream. Raises CameraError with the cure."""
        if self._device is not None:
            return
        device = self._opened()
        try:
            self._refuse_other_devices(device.capability())
            self._format, rate = device.configure(self._chosen(device), self._fps)
            self._refuse_another_format(rate)
            device.control(abi.FOCUS_AUTO, 1)
            device.start()
        except CameraError:
            device.close()
            raise
        except OSError as error:
            device.close()
            raise self._failed(error) from error
        self._device, self._broken, self._times = device, 0, FrameTimes()

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame; None when none comes in time. Raises CameraError when the camera fails or is gone."""
        if self._device is None:
            raise CameraError("the camera is not open: call open() first")
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                raw = self._device.frame(max(deadline - time.monotonic(), 0.0))
            except OSError as error:
                raise self._failed(error) from error
            if raw is None:
                return None
            try:
                pixels = self._decoded(raw.content)
            except BrokenFrame as error:
                self._count_broken(error)
                continue
            self._broken = 0
            taken_ns = self._times.of(raw.taken_ns, time.monotonic_ns())
            kept = self._geometry.turned(self._geometry.cropped(pixels))
            return Frame(exposed(kept, self._ev), taken_ns)

    def expose(self, ev: float) -> None:
        """Brighten the pictures by so many stops. Raises CameraError when not open."""
        if self._device is None:
            raise CameraError("the camera is not open: call open() first")
        self._ev = ev

    def close(self) -> None:
        """Stop the camera and give it back; safe to call twice, and without open."""
        device, self._device = self._device, None
        self._ev = 0.0
        if device is not None:
            device.close()

    def _opened(self) -> VideoDevice:
        try:
            is_device = stat.S_ISCHR(self._path.stat().st_mode)
            device = VideoDevice(str(self._path), self._calls) if is_device else None
        except OSError as error:
            raise self._failed(error) from error
        if device is None:
            raise CameraError(f"{self._path} is no device; {_named()}")
        return device

    def _identity(self, capability: abi.Capability) -> CameraIdentity:
        product, serial = sysfs.usb_product(self._path)
        card, driver, place = (_plain(raw) for raw in (capability.card, capability.driver, capability.bus_info))
        if sysfs.is_made_by_a_program(self._path):
            place = f"{place} (virtual)"
        return CameraIdentity("usb", f"{card} ({product})" if product else card, driver, place, serial)

    def _refuse_other_devices(self, capability: abi.Capability) -> None:
        has_own = capability.capabilities & abi.HAS_DEVICE_CAPS
        can = capability.device_caps if has_own else capability.capabilities
        if not can & abi.CAN_CAPTURE or not can & abi.CAN_STREAM:
            raise CameraError(
                f"{self._path} gives no pictures ({_plain(capability.card)}): a camera has several devices; its "
                f"pictures come from the one whose name ends with index0; {_named()}"
            )

    def _chosen(self, device: VideoDevice) -> Offer:
        given = device.formats()
        usable = [one for one in _NAMES if one in given]
        if not usable:
            names = ", ".join(_fourcc(one) for one in given) or "nothing"
            raise CameraError(f"{self._path} gives {names}, and neither YUYV nor MJPEG: use another camera")
        offers = [offer for one in usable if (offer := device.offer(one, self._size)) is not None]
        wanted = f"{self._size[0]}×{self._size[1]}"
        if not offers:
            sizes = sorted({size for one in usable for size in device.sizes(one)})
            listed = ", ".join(f"{width}×{height}" for width, height in sizes)
            raise CameraError(
                f"{self._path} does not give {wanted} pixels; it gives {listed}: set camera.width and "
                "camera.height to one of these"
            )
        for offer in offers:
            if not offer.rates or any(abs(rate - self._fps) <= _SAME_RATE for rate in offer.rates):
                return offer
        rates = sorted({rate for offer in offers for rate in offer.rates}, reverse=True)
        raise CameraError(
            f"{self._path} does not give {wanted} pixels at {self._fps:g} frames a second; it gives them at "
            f"{', '.join(f'{rate:g}' for rate in rates)}: set camera.fps to one of these, or choose another size"
        )

    def _refuse_another_format(self, rate: float) -> None:
        found = self._format
        if (found.width, found.height) != self._size or found.pixelformat not in _NAMES:
            raise CameraError(
                f"{self._path} refuses {self._size[0]}×{self._size[1]} pixels and offers "
                f"{found.width}×{found.height} {_fourcc(found.pixelformat)}: set camera.width "
                "and camera.height so, or use another camera"
            )
        if abs(rate - self._fps) > _SAME_RATE:
            raise CameraError(
                f"{self._path} refuses {self._fps:g} frames a second and offers {rate:g}: set camera.fps so"
            )

    def _decoded(self, content: bytes) -> Pixels:
        found = self._format
        if found.pixelformat == abi.YUYV:
            full = found.quantization == abi.FULL_RANGE
            stride = found.bytesperline or self._size[0] * 2
            return from_yuyv(content, self._size, stride, full_range=full)
        return from_mjpeg(content, self._size)

    def _count_broken(self, error: BrokenFrame) -> None:
        self._broken += 1
        if self._broken >= _MOST_BROKEN:
            raise CameraError(
                f"{self._path} sends only broken pictures ({error}): use a shorter cable, another port, no hub"
            ) from error

    def _failed(self, error: OSError) -> CameraError:
        """The error with its cure: what is missing is told apart from what is refused."""
        path, said = self._path, error.strerror or error
        if self._device is not None and error.errno in {errno.ENODEV, errno.ENXIO, errno.EIO, errno.EPROTO}:
            return CameraError(f"{path} was unplugged or lost its power ({said}): plug it in again, without a hub")
        cures = {
            errno.ENOENT: f"there is no {path}: plug the camera in; {_named()}",
            errno.ENODEV: f"there is no camera behind {path}: plug it in again",
            errno.ENXIO: f"there is no camera behind {path}: plug it in again",
            errno.EACCES: f"{path} may not be opened ({said}): add this user to the group video",
            errno.EPERM: f"{path} may not be opened ({said}): add this user to the group video",
            errno.EBUSY: f"{path} is in use ({said}): stop the program that films with it (`fuser {path}`)",
            errno.ENOTTY: f"{path} is no camera ({said}); {_named()}",
            errno.ENOSPC: f"USB has no room for this picture ({said}): choose a smaller one, or leave out the hub",
        }
        cure = f"{path} failed ({said}): plug it in again, into a port without a hub"
        return CameraError(cures.get(error.errno or 0, cure))


def _named() -> str:
    """The names that /dev/v4l/by-id has for cameras, in words."""
    try:
        names = sorted(entry.name for entry in os.scandir(_BY_ID) if entry.name.endswith("-index0"))[:4]
    except OSError:
        names = []
    listed = " or ".join(f"{_BY_ID}/{name}" for name in names)
    return f"set camera.device to {listed}" if names else f"`ls {_BY_ID}` shows no camera at all"


def _plain(raw: bytes) -> str:
    return "".join(c for c in raw.decode("utf-8", "replace").strip() if c.isprintable())


def _fourcc(number: int) -> str:
    return _plain(number.to_bytes(4, "little"))
