"""A journal with a long backlog, made in one transaction: signed and chained as the terminal would have done it."""

from collections.abc import Iterator
from pathlib import Path

from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from edge.journal import schema

PERSON = "a" * 26
PUNCH = {
    "person": PERSON,
    "direction": "in",
    "direction_source": "alternated",
    "method": "face",
    "quality": "high",
    "liveness": "high",
    "models": ["a", "b", "c", "d"],
}
_TIME = TimeEvidence("2026-03-02T07:59:58.120Z", 60, "Europe/Berlin", "b" * 36, 120_000, True)


def write_backlog(path: Path, origin: Origin, key: SigningKey, count: int) -> str:
    """Make a journal of `count` unreceipted punches at `path`; its epoch. Raises JournalError when there is one."""
    schema.create(path, origin, key)
    connection = schema.JOURNAL.connect(path)
    try:
        epoch = schema.read_meta(connection, path).epoch
        with schema.JOURNAL.writing(connection, path):
            connection.executemany(
                "INSERT INTO records (seq, kind, person, payload, signature) VALUES (?, ?, ?, ?, ?)",
                _punches(origin, epoch, key, count),
            )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return epoch


def _punches(
    origin: Origin, epoch: str, key: SigningKey, count: int
) -> Iterator[tuple[int, str, str, bytes, bytes]]:
    before, draft = GENESIS, Draft(Kind.PUNCH, PUNCH, _TIME)
    for seq in range(1, count + 1):
        payload = encode(origin, Position(epoch, seq, before), draft)
        before = payload_hash(payload)
        yield seq, str(draft.kind), PERSON, payload, dsse.sign(PAYLOAD_TYPE, payload, key).signature
