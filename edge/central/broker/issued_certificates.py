"""The log of issued certificates, one line each, so that they can be revoked and their ends are known.

The certificate files beside the log are read as well, because a CA may be older than the log. Revocations are
logged, too, so that a revocation list that was lost or restored from a backup can be completed again.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from edge.central.ownership import adopt
from edge.errors import KeyFileError

LOG = "issued.jsonl"
SERVER = "server"
"""The stem of the broker's own files; the stem of a client's files begins with `client-`."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate."""

    stem: str
    """The stem of its file names: `server`, or `client-` and the common name."""
    name: str
    """The common name of the certificate."""
    serial: int
    begin: datetime
    end: datetime


def describe(stem: str, certificate: x509.Certificate) -> Issued:
    """The data of a certificate that the log keeps."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Issued(
        stem,
        str(names[0].value) if names else "",
        certificate.serial_number,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


def enter(directory: Path, one: Issued) -> None:
    """Appends a certificate to the log; durable on return. Raises KeyFileError."""
    line = json.dumps(
        {
            "stem": one.stem,
            "name": one.name,
            "serial": f"{one.serial:x}",
            "begin": one.begin.isoformat(),
            "end": one.end.isoformat(),
        }
    )
    _append(directory / LOG, [line])


def enter_revoked(directory: Path, revoked: Iterable[tuple[int, datetime]]) -> None:
    """Appends revocations: serial numbers, each with its instant; durable on return. Raises KeyFileError."""
    lines = [json.dumps({"revoked": f"{serial:x}", "at": at.isoformat()}) for serial, at in revoked]
    if lines:
        _append(directory / LOG, lines)


def revoked(directory: Path) -> dict[int, datetime]:
    """The revocations in the log: for each serial number since when it is revoked. Raises KeyFileError."""
    found: dict[int, datetime] = {}
    for told in _told(directory):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found.setdefault(int(told["revoked"], 16), datetime.fromisoformat(told["at"]).astimezone(UTC))
    return found


def _append(path: Path, lines: Iterable[str]) -> None:
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                file.write(b"\n")  # a power cut left an incomplete line
            file.write("".join(f"{line}\n" for line in lines).encode("ascii"))
            file.flush()
            os.fsync(descriptor)
        adopt(path)
    except OSError as error:
        raise KeyFileError(
            f"{path}: cannot be written ({error.strerror}); make it writable by this user"
        ) from error


def everything(directory: Path) -> list[Issued]:
    """All known certificates, each once, in the order in which they were issued. Raises KeyFileError."""
    logged = {one.serial: one for one in _log(directory)}
    # What only a file shows is older than the log. The log itself is in order even if the clock was set back.
    earlier = {one.serial: one for one in _files(directory) if one.serial not in logged}
    return [*sorted(earlier.values(), key=lambda one: one.begin), *logged.values()]


def latest(directory: Path) -> dict[str, Issued]:
    """The newest certificate for each stem. Raises KeyFileError."""
    return {one.stem: one for one in everything(directory)}


def _log(directory: Path) -> Iterator[Issued]:
    for told in _told(directory):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            times = (datetime.fromisoformat(told[word]).astimezone(UTC) for word in ("begin", "end"))
            yield Issued(told["stem"], told["name"], int(told["serial"], 16), *times)


def _told(directory: Path) -> Iterator[dict[str, Any]]:
    path = directory / LOG
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeError) as error:
        raise KeyFileError(f"{path}: cannot be read ({error}); restore it from your backup") from error
    for line in lines:
        with contextlib.suppress(ValueError):  # a power cut may have left an incomplete line
            told = json.loads(line)
            if isinstance(told, dict):
                yield told


def _files(directory: Path) -> Iterator[Issued]:
    for path in [directory / f"{SERVER}.crt", *sorted(directory.glob("client-*.crt"))]:
        with contextlib.suppress(OSError, ValueError):  # missing, or moved to its terminal
            yield describe(path.stem, x509.load_pem_x509_certificate(path.read_bytes()))
