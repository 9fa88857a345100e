"""The camera that was accepted at this terminal: `camera.json` in the state directory.

The first start writes it, for the camera that it finds. After that, only an operator changes it (`smartclocker
camera accept`), and can go back once (`smartclocker camera undo`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.domain.camera.identity import CameraIdentity
from edge.domain.strict_json import is_version, parse_object
from edge.errors import CameraError, RecordError, TransferError
from edge.storage import durable_file
from edge.storage.bounded_read import read_file

PIN = "camera.json"
"""Name of the file in the state directory."""
_MOST = 16_384
_LONGEST = 500
"""Characters of one part of an identity: a device chooses its own names."""


@dataclass(frozen=True, slots=True)
class CameraPin:
    """The content of the file."""

    accepted: CameraIdentity
    at: str
    """When it was accepted, UTC in RFC 3339."""
    before: CameraIdentity | None = None
    """The camera that was accepted before, to go back to."""


def read(state: Path) -> CameraPin | None:
    """The accepted camera; None when none was accepted yet. Raises RecordError for a file that cannot be used."""
    try:
        raw = read_file(state / PIN, _MOST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"{PIN} cannot be read: {error.strerror}") from error
    document = parse_object(raw, _MOST)
    before, at = document.get("before"), document.get("at")
    if not is_version(document, name="camera") or not isinstance(at, str):
        raise RecordError(f"{PIN} is not of this version")
    return CameraPin(_identity(document.get("accepted")), at, None if before is None else _identity(before))


def write(state: Path, pin: CameraPin) -> None:
    """Put it in force; the running terminal takes it up within seconds. Raises TransferError."""
    document = {
        "camera": 1,
        "accepted": asdict(pin.accepted),
        "at": pin.at,
        "before": None if pin.before is None else asdict(pin.before),
    }
    durable_file.replace(state / PIN, json.dumps(document, indent=1).encode(), TransferError)


def accept(state: Path, found: CameraIdentity, at: str) -> CameraPin:
    """Accept a camera. Raises CameraError for a virtual one, TransferError.

    A file that cannot be used is replaced: then there is no camera to go back to.
    """
    if found.virtual:
        raise CameraError(
            f"{found} is a program that plays a camera, and is not accepted: plug a real camera in and name it in "
            '[camera]; for demonstrations, set camera.kind = "replay"'
        )
    try:
        held = read(state)
    except RecordError:
        held = None
    if held is not None and held.accepted == found:
        return held
    pin = CameraPin(found, at, None if held is None else held.accepted)
    write(state, pin)
    return pin


def undo(state: Path, at: str) -> CameraPin:
    """Accept the camera of before again. Raises CameraError when there is none, RecordError, TransferError."""
    held = read(state)
    if held is None or held.before is None:
        raise CameraError("no other camera was accepted before; `smartclocker camera show` says which one counts")
    pin = CameraPin(held.before, at, held.accepted)
    write(state, pin)
    return pin


def _identity(value: Any) -> CameraIdentity:
    names = CameraIdentity.__slots__
    if not isinstance(value, dict) or set(value) != set(names):
        raise RecordError(f"{PIN} does not name a camera")
    if not all(isinstance(one, str) and len(one) <= _LONGEST for one in value.values()):
        raise RecordError(f"{PIN} does not name a camera")
    return CameraIdentity(**value)
