"""What the kernel's `/sys` tells of a video device beside V4L2: the USB product and its serial number."""

import os
from pathlib import Path

_CLASS = Path("/sys/class/video4linux")
_LONGEST = 200


def usb_product(device: Path, devices: Path = _CLASS) -> tuple[str, str]:
    """(vendor:product, serial number) of the USB device behind `/dev/videoN`; empty texts where there is none.

    `device` may be a link, as those of `/dev/v4l/by-id` are. Raises nothing.
    """
    try:
        interface = (devices / os.path.realpath(device).rpartition("/")[2] / "device").resolve()
    except OSError:
        return "", ""
    for folder in (interface, interface.parent):
        vendor, product = _text(folder / "idVendor"), _text(folder / "idProduct")
        if vendor and product:
            return f"{vendor}:{product}", _text(folder / "serial")
    return "", ""


def is_made_by_a_program(device: Path, devices: Path = _CLASS) -> bool:
    """Whether the device hangs on no bus at all, as those of v4l2loopback do. Raises nothing."""
    try:
        return "/devices/virtual/" in str((devices / os.path.realpath(device).rpartition("/")[2]).resolve())
    except OSError:
        return False


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = file.read(_LONGEST)
    except OSError:
        return ""
    return "".join(c for c in found.decode("utf-8", "replace").strip() if c.isprintable())
