"""Verification of an export against its own manifest, with public keys alone; `edge.journal.verify` does it for a
journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import VerifyKey

from edge.crypto import dsse
from edge.domain.protocol.export_manifest import ExportManifest, Header
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import decode, payload_hash
from edge.errors import ExportRefused, RecordError
from edge.journal.chain import START, Chain, ChainFault, Head, StoredEnvelope, check, person_of
from edge.journal.export_reader import Line, What, incoming
from edge.journal.verify import ChainReport


@dataclass(slots=True)
class _Walk:
    """The state of a verification: how far the file verified."""

    header: Header
    keys: Mapping[str, VerifyKey]
    first: int = 0
    first_prev: str = ""
    head: Head = START
    records: int = 0
    at_receipt: str | None = None
    """The hash of the record that the header calls receipted, if the file holds that record."""
    receipt: Receipt | None = None
    receipt_verified: bool = False
    ended: bool = False
    at: int = 0
    """The record that is being checked; 0 for none."""
    problem: str | None = None


def verify_export(path: Path, keys: Mapping[str, VerifyKey]) -> ChainReport:
    """Check every record of an export, the receipt and the manifest, with the terminal's key (and the ledger's).

    A file that was cut off is reported as such, with the records that verify before the cut. Raises TransferError
    when the file cannot be read, ExportRefused when it is not an export or is sealed.
    """
    with incoming(path) as file:
        walk = _Walk(file.header, keys)
        if walk.header.keyid not in keys:
            walk.problem = f"signed by the key {walk.header.keyid}, which was not given"
        try:
            while walk.problem is None and (line := next(file.lines, None)) is not None:
                walk.problem = _take(walk, line)
        except ExportRefused as error:
            walk.problem = str(error)
        if walk.problem is None and not walk.ended:
            walk.problem = "cut off: the manifest that ends the file is missing"
    return ChainReport(
        origin=walk.header.origin,
        epoch=walk.header.epoch,
        records=walk.records,
        first_seq=walk.first,
        last_seq=walk.head.seq,
        head=walk.head.hash,
        receipted=walk.header.receipted,
        receipt_verified=walk.receipt_verified,
        problem=None if walk.problem is None else ChainFault(walk.at or walk.head.seq + 1, walk.problem),
    )


def _take(walk: _Walk, line: Line) -> str | None:
    """Check the next line; returns its fault, or None."""
    if walk.ended:
        return f"line {line.number}: something follows the manifest"
    if line.envelope is None:
        return f"line {line.number}: {line.problem}"
    try:
        match line.what:
            case What.RECORD:
                return _record(walk, line.envelope)
            case What.RECEIPT:
                return _receipt(walk, line.envelope)
            case _:
                return _manifest(walk, line.envelope, line.before)
    except RecordError as error:
        return f"line {line.number}: {error}"


def _record(walk: _Walk, sealed: dsse.Envelope) -> str | None:
    if walk.receipt is not None:
        return "a record after the receipt"
    header = walk.header
    if sealed.keyid != header.keyid:
        return f"signed by the key {sealed.keyid}, the file is of {header.keyid}"
    record = decode(sealed.payload)
    walk.at = record.position.seq
    kept = StoredEnvelope(record.position.seq, record.kind, person_of(record), sealed.payload, sealed.signature)
    chain = Chain(header.origin, header.epoch, walk.keys[header.keyid])
    wrong = check(kept, chain, walk.head if walk.records else None)
    if wrong is not None:
        return wrong
    if walk.records == 0:
        walk.first, walk.first_prev = kept.seq, record.position.prev
    walk.head, walk.records = Head(kept.seq, payload_hash(kept.payload)), walk.records + 1
    if kept.seq == header.receipted:
        walk.at_receipt = walk.head.hash
    walk.at = 0
    return None


def _receipt(walk: _Walk, sealed: dsse.Envelope) -> str | None:
    header = walk.header
    if walk.receipt is not None:
        return "a second receipt"
    known = sealed.keyid in walk.keys
    receipt = dsse.open(sealed, Receipt, walk.keys) if known else Receipt.decode(sealed.payload)
    if (receipt.origin, receipt.epoch, receipt.upto) != (header.origin, header.epoch, header.receipted):
        return "the receipt in it is about another terminal, epoch or record"
    held = walk.first_prev if walk.records and receipt.upto == walk.first - 1 else walk.at_receipt
    if held is not None and held != receipt.head:
        return f"the receipt in it covers another record {receipt.upto}: the ledger holds another chain than this"
    walk.receipt, walk.receipt_verified = receipt, known
    return None


def _manifest(walk: _Walk, sealed: dsse.Envelope, before: str) -> str | None:
    header = walk.header
    # for records recovered from an earlier identity's journal, the identity that followed it signs the manifest
    said = dsse.open(sealed, ExportManifest, walk.keys)
    if (said.origin, said.epoch, said.keyid) != (header.origin, header.epoch, sealed.keyid):
        return "the manifest is of another terminal or epoch than the header"
    if bytes(walk.keys[sealed.keyid]) != said.key:
        return "the manifest carries another public key than the one that signed it"
    if (said.first, said.last, said.count, said.head) != (walk.first, walk.head.seq, walk.records, walk.head.hash):
        return f"the manifest is of records {said.first} to {said.last}, and the file holds others"
    if said.sha256 != before:
        return "every record verifies, but the file was changed after it was written"
    if (walk.receipt is None) != (header.receipted == 0):
        return "the receipt that the header names is missing"
    walk.ended = True
    return None
