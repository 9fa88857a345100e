"""Orders about evidence images: copies are handed out, still sealed, or images are deleted."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.domain.plural import counted
from edge.domain.protocol.order import EVERYBODY, Order
from edge.domain.protocol.order_outcome import OF_EVERYBODY, OrderOutcome, done, refused
from edge.domain.time.evidence import TimeEvidence
from edge.evidence_images.schema import COPY_SUFFIX, NAME
from edge.evidence_images.store import EvidenceStore, Still, opened
from edge.terminal.subject_access.report import FOLDER, keep

INDEX = "index.json"
"""Name of the index in a file that is handed out; each image lies beside it as `EPOCH-SEQ.still`."""


def listed(state: Path, person: str | None, now: TimeEvidence) -> list[dict[str, Any]]:
    """The images that are kept, of one person or (None) of everybody, as JSON values. Raises EvidenceError."""
    with opened(state / NAME, now) as store:
        return [] if store is None else [_describe(one) for one in store.stills(person)]


def delete(order: Order, state: Path, now: TimeEvidence) -> OrderOutcome:
    """The outcome of the employer's order to delete all images, or one person's, with the number of those images.

    No image is deleted here. The outbox deletes them (`edge.terminal.outbox.flush`), and repeats it until the
    journal has the record. If they were deleted here and a crash came before the record, it would tell only the
    number of those that were left. Raises EvidenceError.
    """
    whose = order.fields["whose"]
    count = len(listed(state, None if whose == EVERYBODY else whose, now))
    whole = f", {OF_EVERYBODY}" if whose == EVERYBODY else ""
    return done(f"{counted(count, 'image')} deleted{whole}")


def release(order: Order, state: Path, now: TimeEvidence) -> OrderOutcome:
    """Hand out the images of the named punches, all of them or none. Raises EvidenceError, TransferError."""
    wanted = order.fields["records"]
    with opened(state / NAME, now) as store:
        there = {} if store is None else {one.record: one for one in store.stills(order.person)}
        missing = [record for record in wanted if record not in there]
        if missing or store is None:
            detail = (
                f"no image of this person is kept of {len(missing)} of {len(wanted)} records; none was released"
            )
            return refused(detail)
        if not all(there[record].certain for record in wanted):
            return refused("no time server vouches for their age yet; none was released")
        name, sha256 = _copy(store, [there[record] for record in wanted], order)
    return done(f"{counted(len(wanted), 'image')} in {FOLDER}/{name}, sha256 {sha256}")


def accompany(order: Order, state: Path, now: TimeEvidence) -> int:
    """Write all images of a person beside the answer to their request; returns how many. Raises TransferError."""
    with opened(state / NAME, now) as store:
        found = [] if store is None else [one for one in store.stills(order.person) if one.certain]
        if found and store is not None:
            _copy(store, found, order)
    return len(found)


def pack(found: Sequence[Still], sealed: Mapping[str, bytes]) -> bytes:
    """A zip of the images, still sealed and named by their records, and of an index that describes them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(INDEX, json.dumps([_describe(one) for one in found], indent=2))
        for one in found:
            _, epoch, seq = one.record.split("/")
            archive.writestr(f"{epoch}-{seq}.still", sealed[one.record])
    return out.getvalue()


def packed(state: Path, person: str, now: TimeEvidence) -> bytes | None:
    """A zip for a stick of a person's images whose age is known; None without any. Raises EvidenceError."""
    with opened(state / NAME, now) as store:
        found = [] if store is None else [one for one in store.stills(person) if one.certain]
        if not found or store is None:
            return None
        return pack(found, {one.record: store.sealed(one.record) for one in found})


def _copy(store: EvidenceStore, found: Sequence[Still], order: Order) -> tuple[str, str]:
    content = pack(found, {one.record: store.sealed(one.record) for one in found})
    name = f"{order.person}-{order.id}{COPY_SUFFIX}"
    store.copied(f"{FOLDER}/{name}", order.person or "", [one.record for one in found])
    keep(store.path.with_name(FOLDER), order.id, order.person or "", content, suffix=COPY_SUFFIX)
    return name, hashlib.sha256(content).hexdigest()


def _describe(one: Still) -> dict[str, Any]:
    return {
        "record": one.record,
        "person": one.person,
        "utc": one.time.utc,
        "synchronised": one.time.synchronised,
        "bytes": one.bytes,
        "age_known": one.certain,
    }
