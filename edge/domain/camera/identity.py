"""The identity of a camera, as far as the system tells it, and the rule by which another one is noticed.

An identity is what a device says of itself. It keeps cameras from being mixed up, and makes an exchange visible. It
is no proof: somebody who builds a USB device can give it any name and serial number.
"""

import re
from dataclasses import dataclass

REPLAY = "replay"
"""The kind of a camera that shows photographs or a film."""


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """What the system tells of one camera."""

    kind: str
    """The adapter that found it: `pi`, `usb` or `replay`."""
    model: str
    """Sensor or product: `imx708`, `HD Pro Webcam C920 (046d:082d)`, `folder`."""
    driver: str = ""
    """The driver's name: `libcamera`, `uvcvideo`."""
    place: str = ""
    """The port that it is plugged into, as the system writes it."""
    serial: str = ""
    """The serial number that the device tells; empty where it tells none."""

    def __str__(self) -> str:
        """In one line, for logs and lists."""
        parts = (
            self.driver,
            f"at {self.place}" if self.place else "",
            f"serial {self.serial}" if self.serial else "",
        )
        return ", ".join(filter(None, (f"{self.kind}:{self.model}", *parts)))

    @property
    def virtual(self) -> bool:
        """Whether it is a program that plays a camera, and no sensor."""
        if self.kind == REPLAY:
            return True
        return _VIRTUAL.search(f"{self.driver}\n{self.model}\n{self.place}".lower()) is not None


_VIRTUAL = re.compile(
    r"loopback|virtual|\b(?:vivid|vimc|vicodec|vim2m|visl|obs|akvcam|droidcam|iriun|manycam|xsplit|scrcpy)\b"
    r"|dummy video|snap camera|e2esoft"
)
"""Drivers and names of programs that play a camera; the kernel's own test drivers are among them. OBSBOT makes real
cameras and is not.
"""


def other_parts(pinned: CameraIdentity, found: CameraIdentity) -> tuple[str, ...]:
    """The parts in which two identities differ; empty for the same camera.

    A camera with a serial number may be plugged into another port. One without is known by its port alone, because
    two of one model say the same of themselves.
    """
    names = ["kind", "model", "driver", "serial"]
    if not (pinned.serial and found.serial):
        names.append("place")
    return tuple(name for name in names if getattr(pinned, name) != getattr(found, name))


def refusal(pinned: CameraIdentity | None, found: CameraIdentity) -> str | None:
    """Why the pictures of `found` do not count at a terminal for a real camera; None when they do.

    `pinned` is the camera that was accepted here, None at the first start.
    """
    if found.virtual:
        return f"a virtual camera stands where a real one is configured: {found}"
    if pinned is None:
        return None
    parts = other_parts(pinned, found)
    return f"another camera ({', '.join(parts)}): {found}; accepted was {pinned}" if parts else None
