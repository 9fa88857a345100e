"""The export of a journal to a file, for records that travel without a network. The service may run meanwhile.

The file has one document a line: the header, each record's envelope as it would be sent, the receipt that the
journal keeps, and the manifest, which the terminal signs over all lines before it (docs/protocol.md, "Exports").
The memory that an export needs does not grow with the journal.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey, VerifyKey

from edge.crypto import dsse
from edge.crypto.dsse import Envelope, key_id
from edge.crypto.sealed_stream import Sealer
from edge.domain.protocol import export_manifest
from edge.domain.protocol.export_manifest import ExportManifest, Header
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import PAYLOAD_TYPE, decode, payload_hash
from edge.errors import JournalAltered, JournalError, RecordError, TransferError
from edge.journal import schema
from edge.journal.chain import START, Chain, Head, StoredEnvelope, check
from edge.journal.recovery import EpochSummary, Salvage
from edge.journal.schema import JOURNAL
from edge.journal.verify import opened
from edge.storage.durable_file import NewFile

Progress = Callable[[int, int], None]
"""A callback that is called now and then with (records written, records in all)."""
_TELL_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class WrittenExport:
    """An export that was written to the disk."""

    path: Path
    manifest: ExportManifest
    size: int
    """Size of the file in bytes."""
    sealed: bool


@dataclass(frozen=True, slots=True)
class _Selection:
    """The records that an export takes from one snapshot of the journal."""

    header: Header
    first: int
    last: int
    count: int
    before: Head | None
    """The head that the first record must follow; None where it is not known."""
    receipt: bytes | None
    """The envelope of the receipt, on one line."""


def export(
    journal: Path,
    key: SigningKey,
    target: Path,
    *,
    created: str,
    after: int | None = None,
    seal_to: VerifyKey | None = None,
    progress: Progress = lambda _done, _all: None,
) -> WrittenExport | None:
    """Write the records with seq > `after` to a file; with None, those that no receipt covers.

    `key` is the terminal's identity, `target` a new file or a directory, `created` the time (RFC 3339 UTC).
    `seal_to` is the ledger's key if only the centre may read the file. Every record is verified before it is
    written. Returns None when there are no such records.

    Raises TransferError when the file cannot be written, JournalAltered for a record that does not verify,
    JournalError when the journal cannot be read or was signed with another key. After an error there is no file.
    The journal is never changed.
    """
    with JOURNAL.guard(journal), opened(journal) as db:
        db.execute("BEGIN")  # one snapshot, so that an eviction in between leaves no hole
        selection = _select(db, journal, key, after)
        if selection.count == 0:
            return None
        records = _records(db, journal, selection, key.verify_key, progress)
        return _put(target, records, selection, key, created, seal_to)


def export_saved(
    saved: Salvage, key: SigningKey, target: Path, *, created: str, seal_to: VerifyKey | None = None
) -> list[WrittenExport]:
    """Write the records that were saved from damaged journals, one file for each epoch.

    Records that are missing stay missing, and the centre reports them. `key` is the identity that vouches for the
    files; the records may be signed with another one. `target` is a directory. Raises TransferError when a file
    cannot be written; the files before it are kept.
    """
    written = []
    for epoch in saved.epochs():
        origin = decode(next(saved.records(epoch.epoch, epoch.keyid))[0]).origin
        header = Header(origin, epoch.epoch, epoch.keyid, 0)
        selection = _Selection(header, epoch.first_seq, epoch.last_seq, epoch.records, None, None)
        path = target / export_manifest.file_name(origin, epoch.epoch, epoch.first_seq, epoch.last_seq)
        written.append(_put(path, _saved(saved, epoch), selection, key, created, seal_to))
    return written


def _saved(saved: Salvage, epoch: EpochSummary) -> Iterator[StoredEnvelope]:
    for payload, signature in saved.records(epoch.epoch, epoch.keyid):
        record = decode(payload)
        yield StoredEnvelope(record.position.seq, record.kind, None, payload, signature)


def _put(
    target: Path,
    records: Iterator[StoredEnvelope],
    selection: _Selection,
    key: SigningKey,
    created: str,
    seal_to: VerifyKey | None,
) -> WrittenExport:
    header = selection.header
    if target.is_dir():
        target /= export_manifest.file_name(header.origin, header.epoch, selection.first, selection.last)
    with NewFile(target, lambda text: TransferError(f"{text}. The journal is as it was")) as file:
        sealer = None if seal_to is None else Sealer(file.write, seal_to)
        manifest = _write(file.write if sealer is None else sealer.write, records, selection, key, created)
        if sealer is not None:
            sealer.finish()
    return WrittenExport(target, manifest, file.size, seal_to is not None)


def _select(db: sqlite3.Connection, path: Path, key: SigningKey, after: int | None) -> _Selection:
    meta = schema.read_meta(db, path)
    if meta.keyid != key_id(key.verify_key):
        raise JournalError(
            f"{path}: signed by the key {meta.keyid}, and this identity is {key_id(key.verify_key)}; give the "
            "identity that wrote this journal"
        )
    row = db.execute("SELECT upto, envelope FROM receipt").fetchone()
    receipted, receipt = START, None
    if row is not None:
        receipted, receipt = _receipt(row, meta, path)
    begin = receipted.seq if after is None else after
    query = "SELECT min(seq), max(seq), count(*) FROM records WHERE seq > ?"
    first, last, count = db.execute(query, (begin,)).fetchone()
    if count and first > max(begin, receipted.seq) + 1:  # only receipted records may have been evicted
        raise _altered(path, f"record {max(begin, receipted.seq) + 1}: missing, record {first} comes next")
    header = Header(meta.origin, meta.epoch, meta.keyid, receipted.seq)
    before = receipted if begin == receipted.seq else None
    return _Selection(header, first or 0, last or 0, count, before, receipt)


def _receipt(row: tuple[int, bytes], meta: schema.Meta, path: Path) -> tuple[Head, bytes]:
    """The head that the kept receipt covers, and its envelope.

    Its signature is not checked here: the reader of the export has the ledger's key and checks it.
    """
    upto, raw = row
    try:
        parsed = dsse.parse(raw)
        said = Receipt.decode(parsed.payload)
    except RecordError as error:
        raise _altered(path, f"the receipt that is kept is malformed: {error}") from error
    if (said.origin, said.epoch, said.upto) != (meta.origin, meta.epoch, upto):
        raise _altered(path, "the receipt that is kept is about another terminal, epoch or record")
    return Head(upto, said.head), dsse.to_wire(parsed)


def _records(
    db: sqlite3.Connection, path: Path, selection: _Selection, key: VerifyKey, progress: Progress
) -> Iterator[StoredEnvelope]:
    """The selected records in their order; each is verified before it is yielded. Raises JournalAltered."""
    chain = Chain(selection.header.origin, selection.header.epoch, key)
    previous = selection.before
    query = "SELECT seq, kind, person, payload, signature FROM records WHERE seq >= ? ORDER BY seq"
    for done, row in enumerate(db.execute(query, (selection.first,))):
        if done % _TELL_EVERY == 0:
            progress(done, selection.count)
        kept = StoredEnvelope(*row)
        wrong = check(kept, chain, previous)
        if wrong is not None:
            raise _altered(path, f"record {kept.seq}: {wrong}")
        previous = Head(kept.seq, payload_hash(kept.payload))
        yield kept
    progress(selection.count, selection.count)


def _write(
    out: Callable[[bytes], None],
    records: Iterator[StoredEnvelope],
    selection: _Selection,
    key: SigningKey,
    created: str,
) -> ExportManifest:
    """Write every line of the file; returns the manifest, which is the last line."""
    header, digest = selection.header, hashlib.sha256()

    def line(data: bytes) -> None:
        digest.update(data + b"\n")
        out(data + b"\n")

    line(header.encode())
    count, last = 0, b""
    for kept in records:
        line(dsse.to_wire(Envelope(PAYLOAD_TYPE, kept.payload, header.keyid, kept.signature)))
        count, last = count + 1, kept.payload
    if selection.receipt is not None:
        line(selection.receipt)
    manifest = ExportManifest(
        origin=header.origin,
        epoch=header.epoch,
        keyid=key_id(key.verify_key),
        key=bytes(key.verify_key),
        first=selection.first,
        last=selection.last,
        count=count,
        head=payload_hash(last),
        created=created,
        sha256=digest.hexdigest(),
    )
    line(dsse.seal(manifest, key))
    return manifest


def _altered(path: Path, what: str) -> JournalAltered:
    return JournalAltered(
        f"{path}: {what}; nothing was exported. Keep the file as it is: `smartclocker journal recover` saves what "
        "verifies"
    )
