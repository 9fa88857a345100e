"""An export, or a file of receipts, read line by line: whatever it holds, memory stays bounded and nothing is lost.

A line is one of a few things, or is passed over and counted. Who believes which of them is the caller's affair: the
ledger holds each record to its own rules, `edge.journal.verify_export` the whole file to its manifest.
"""

import contextlib
import hashlib
import io
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, TypeVar

from nacl.signing import SigningKey, VerifyKey

from edge.crypto import dsse
from edge.crypto.dsse import MAX_ENVELOPE, Envelope, parse
from edge.crypto.sealed_stream import Unsealer
from edge.domain.protocol.export_manifest import MAGIC, MAX_HEADER, SEALED_MAGIC, ExportManifest, Header
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import PAYLOAD_TYPE
from edge.errors import ExportRefused, RecordError, TransferError
from edge.journal.journal import Journal, ReceiptEffect

_SKIP = 65_536
T = TypeVar("T")


class Form(Enum):
    """What a file is, by its first bytes."""

    EXPORT = "export"
    SEALED = "sealed"
    OTHER = "other"


class What(Enum):
    """What a line holds."""

    RECORD = "record"
    RECEIPT = "receipt"
    MANIFEST = "manifest"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file."""

    number: int
    """From 1."""
    what: What
    raw: bytes
    """As it stands there, its end not included; empty when it was too long to be kept."""
    envelope: Envelope | None
    """Not verified; None for UNREADABLE."""
    before: str
    """sha256 (hex) of every byte before this line."""
    problem: str = ""
    """Why it is UNREADABLE."""


_TYPES = {
    PAYLOAD_TYPE: What.RECORD,
    Receipt.PAYLOAD_TYPE: What.RECEIPT,
    ExportManifest.PAYLOAD_TYPE: What.MANIFEST,
}


class Incoming:
    """The lines of an export behind its header."""

    def __init__(self, header: Header, lines: Iterator[Line]) -> None:
        self.header = header
        self.lines = lines
        """Raises ExportRefused in place of a next line where a sealed file is cut off or altered, TransferError
        where it cannot be read on. What came before stands."""


def form_of(path: Path) -> Form:
    """What a file is. Raises TransferError when it cannot be read."""
    with _reading(path) as file:
        start = file.read(max(len(MAGIC), len(SEALED_MAGIC)))
    if start.startswith(MAGIC):
        return Form.EXPORT
    return Form.SEALED if start.startswith(SEALED_MAGIC) else Form.OTHER


@contextlib.contextmanager
def incoming(path: Path, ledger: SigningKey | None = None) -> Iterator[Incoming]:
    """Open an export; a sealed one with the ledger's key. Nothing is written.

    Raises TransferError when the file cannot be read, ExportRefused when it is no export, or is sealed and the key
    is not given or another.
    """
    with _reading(path) as file:
        stream = _unsealed(file, path, ledger)
        digest = hashlib.sha256()
        first = next(_guarded(_raw_lines(stream, MAX_HEADER, digest), path), None) or b""
        try:
            header = Header.decode(first)
        except RecordError as error:
            what = str(error) if first.startswith(MAGIC) else "not an export of a journal"
            raise ExportRefused(f"{path}: {what}; name a file that `smartclocker journal export` wrote") from error
        yield Incoming(header, _guarded(_lines(stream, digest, 2), path))


@contextlib.contextmanager
def envelopes(path: Path) -> Iterator[Iterator[Line]]:
    """The lines of a file without a header: envelopes, one a line. Raises TransferError when it cannot be read."""
    with _reading(path) as file:
        yield _guarded(_lines(file, hashlib.sha256(), 1), path)


def acknowledge(line: Line, ledger: Mapping[str, VerifyKey], journal: Journal) -> ReceiptEffect | None:
    """Give a receipt to the journal that it is about; None for a line that no key of `ledger` signed as a receipt.

    Raises JournalError.
    """
    try:
        if line.envelope is None:
            return None
        receipt = dsse.open(line.envelope, Receipt, ledger)
    except RecordError:
        return None
    return journal.acknowledge(receipt, line.raw)


def _unsealed(file: BinaryIO, path: Path, ledger: SigningKey | None) -> BinaryIO:
    start = file.read(len(SEALED_MAGIC))
    file.seek(0)
    if start != SEALED_MAGIC:
        return file
    if ledger is None:
        raise ExportRefused(
            f"{path}: sealed; only the centre can open it, with its ledger's key: `smartclocker central import`"
        )
    first = next(_guarded(_raw_lines(file, MAX_HEADER, hashlib.sha256()), path), None) or b""
    try:
        return io.BufferedReader(Unsealer(file, first, ledger), 2 * _SKIP)
    except ExportRefused as error:
        raise ExportRefused(f"{path}: {error}") from error


def _lines(stream: BinaryIO, digest: "hashlib._Hash", number: int) -> Iterator[Line]:
    before = digest.hexdigest()
    for count, raw in enumerate(_raw_lines(stream, MAX_ENVELOPE, digest), number):
        yield _line(count, raw, before)
        before = digest.hexdigest()


def _line(number: int, raw: bytes | None, before: str) -> Line:
    if raw is None:
        return Line(number, What.UNREADABLE, b"", None, before, f"longer than {MAX_ENVELOPE} bytes")
    try:
        envelope = parse(raw)
    except RecordError as error:
        return Line(number, What.UNREADABLE, raw, None, before, str(error))
    what = _TYPES.get(envelope.payload_type, What.UNREADABLE)
    return Line(number, what, raw, envelope, before, "" if what in _TYPES.values() else "another payload type")


def _raw_lines(stream: BinaryIO, limit: int, digest: "hashlib._Hash") -> Iterator[bytes | None]:
    """Each line without its end, which the last may lack; None for one of more than `limit` bytes."""
    while piece := stream.readline(limit + 1):
        digest.update(piece)
        short = len(piece) <= limit or piece.endswith(b"\n")
        yield piece.removesuffix(b"\n") if short else None
        while not short and (piece := stream.readline(_SKIP)):
            digest.update(piece)
            short = piece.endswith(b"\n")


def _guarded(lines: Iterator[T], path: Path) -> Iterator[T]:
    try:
        yield from lines
    except ExportRefused as error:
        raise ExportRefused(f"{path}: {error}") from error
    except OSError as error:
        raise _unreadable(path, error.strerror) from error


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
        file = path.open("rb") if regular else None
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    if file is None:  # a FIFO would hang us, /dev/zero never end
        raise _unreadable(path, "not a regular file")
    with file:
        yield file


def _unreadable(path: Path, why: str | None) -> TransferError:
    return TransferError(f"{path}: cannot be read ({why}); correct the path, or try the stick in another socket")
