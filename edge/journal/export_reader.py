"""The reader of an export, or of a file of receipts, line by line.

Memory stays bounded whatever the file holds. A line that is not a known document is counted and passed over.
Nothing is believed here: the ledger verifies each record by its own rules, and `edge.journal.verify_export` checks
the whole file against its manifest.
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
    """The form of a file, told by its first bytes."""

    EXPORT = "export"
    SEALED = "sealed"
    OTHER = "other"


class What(Enum):
    """The type of document that a line holds."""

    RECORD = "record"
    RECEIPT = "receipt"
    MANIFEST = "manifest"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file."""

    number: int
    """Counted from 1."""
    what: What
    raw: bytes
    """The bytes of the line without its line end; empty when it was too long to be kept."""
    envelope: Envelope | None
    """The envelope, not verified; None for UNREADABLE."""
    before: str
    """sha256 (hex) of every byte before this line."""
    problem: str = ""
    """The reason when the line is UNREADABLE."""


_TYPES = {
    PAYLOAD_TYPE: What.RECORD,
    Receipt.PAYLOAD_TYPE: What.RECEIPT,
    ExportManifest.PAYLOAD_TYPE: What.MANIFEST,
}


class Incoming:
    """An export that is open: its header, and the lines after it."""

    def __init__(self, header: Header, lines: Iterator[Line]) -> None:
        self.header = header
        self.lines = lines
        """The iterator raises ExportRefused where a sealed file is cut off or altered, and TransferError where the
        file cannot be read further. The lines before that are valid.
        """


def form_of(path: Path) -> Form:
    """The form of a file. Raises TransferError when it cannot be read."""
    with _reading(path) as file:
        start = file.read(max(len(MAGIC), len(SEALED_MAGIC)))
    if start.startswith(MAGIC):
        return Form.EXPORT
    return Form.SEALED if start.startswith(SEALED_MAGIC) else Form.OTHER


@contextlib.contextmanager
def incoming(path: Path, ledger: SigningKey | None = None) -> Iterator[Incoming]:
    """Open an export; a sealed one needs the key `ledger`. Nothing is written.

    Raises TransferError when the file cannot be read. Raises ExportRefused when it is not an export, or when it is
    sealed and the key is absent or wrong.
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
    """The lines of a file without a header, one envelope a line. Raises TransferError when it cannot be read."""
    with _reading(path) as file:
        yield _guarded(_lines(file, hashlib.sha256(), 1), path)


def acknowledge(line: Line, ledger: Mapping[str, VerifyKey], journal: Journal) -> ReceiptEffect | None:
    """Give a receipt to the journal that it is about; None for a line that is no receipt signed by a key of
    `ledger`.

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
    """Each line without its line end, which the last line may lack; None for a line of more than `limit` bytes."""
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
    if file is None:  # reading a FIFO might never return, and /dev/zero never ends
        raise _unreadable(path, "not a regular file")
    with file:
        yield file


def _unreadable(path: Path, why: str | None) -> TransferError:
    return TransferError(f"{path}: cannot be read ({why}); correct the path, or try the stick in another socket")
