"""Reading the journal for `edge.terminal.checks.online`, beside a running service. Nothing is written there."""

from dataclasses import dataclass

from edge.config_schema import Config
from edge.crypto import dsse
from edge.crypto.dsse import Envelope, key_id
from edge.domain.protocol import topics
from edge.domain.protocol.record import PAYLOAD_TYPE, payload_hash
from edge.journal import schema
from edge.journal.schema import JOURNAL
from edge.journal.verify import opened
from edge.terminal import installed
from edge.terminal.installed import Secrets


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """A record of the journal as it is sent."""

    epoch: str
    seq: int
    receipted: int
    """Number of the last record that a receipt in the journal covers."""
    topic: str
    wire: bytes


def record(config: Config, secrets: Secrets) -> JournalRecord | None:
    """The oldest record without a receipt, otherwise the last record; None when there is none. Raises
    JournalError.
    """
    path = installed.journal_path(config)
    if not JOURNAL.present(path):
        return None
    with JOURNAL.guard(path), opened(path) as db:
        epoch = schema.read_meta(db, path).epoch
        receipted = db.execute("SELECT coalesce(max(upto), 0) FROM receipt").fetchone()[0]
        rows = db.execute("SELECT seq, kind, payload, signature FROM records ORDER BY seq DESC LIMIT 1").fetchall()
        rows += db.execute(f"{_BEHIND} ORDER BY seq LIMIT 1", (receipted,)).fetchall()
    if not rows:
        return None
    seq, kind, payload, signature = rows[1] if len(rows) > 1 else rows[0]
    wire = dsse.to_wire(Envelope(PAYLOAD_TYPE, payload, key_id(secrets.identity.verify_key), signature))
    return JournalRecord(epoch, seq, receipted, topics.record(installed.origin(config), kind), wire)


def number(config: Config, question: str) -> int:
    """The answer to a query for one number, read again each time because a running service writes on. Raises
    JournalError.
    """
    path = installed.journal_path(config)
    with JOURNAL.guard(path), opened(path) as db:
        return int(db.execute(question).fetchone()[0])


def hash_of(config: Config, seq: int) -> str | None:
    """The hash of a record's payload; None when the record is not here. Raises JournalError."""
    path = installed.journal_path(config)
    with JOURNAL.guard(path), opened(path) as db:
        row = db.execute("SELECT payload FROM records WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else payload_hash(row[0])


_BEHIND = "SELECT seq, kind, payload, signature FROM records WHERE seq > ?"
