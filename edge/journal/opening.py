"""Opening a journal for writing: a journal of another terminal, or one that does not verify, is refused before
anything can change it.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey, VerifyKey

from edge.crypto.dsse import key_id
from edge.domain.protocol.record import Origin
from edge.errors import JournalAltered, JournalError, JournalForeign
from edge.journal import schema, wal_check
from edge.journal.chain import Chain, ChainFault, StoredEnvelope, verify_records
from edge.journal.schema import JOURNAL

_KEEP = (
    "nothing was changed: keep the file and its -wal, run `smartclocker journal verify`, and start a new journal"
)


@dataclass(frozen=True, slots=True)
class OpenedJournal:
    """A journal that is open and may be appended to."""

    connection: sqlite3.Connection
    chain: Chain
    torn: bool
    """Whether opening dropped a transaction that a power cut had interrupted. It was never reported as stored."""


def open_ours(path: Path, origin: Origin, key: SigningKey) -> OpenedJournal:
    """Open a journal, or create it when absent.

    Raises JournalError when the file cannot be used or belongs to another terminal or key, and JournalAltered when
    its end does not verify.
    """
    if not JOURNAL.present(path):
        schema.create(path, origin, key)
    JOURNAL.clear(path)
    JOURNAL.refuse_truncated(path)
    torn = _torn(path)
    connection = JOURNAL.connect(path)
    try:
        with JOURNAL.guard(path):
            chain = refuse_unusable(connection, path, origin, key.verify_key)
            JOURNAL.migrate(connection, path)
            if torn:
                # so that no later verification finds the torn frames
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except BaseException:
        connection.close()
        raise
    return OpenedJournal(connection, chain, torn)


def refuse_unusable(connection: sqlite3.Connection, path: Path, origin: Origin, key: VerifyKey) -> Chain:
    """The chain that this journal continues. The connection may be one that cannot write.

    Raises JournalError when the journal is another terminal's or key's, JournalAltered when its end does not
    verify.
    """
    meta = schema.read_meta(connection, path)
    _refuse_foreign(meta, path, origin, key_id(key))
    chain = Chain(origin, meta.epoch, key)
    _refuse_altered_end(connection, path, chain)
    return chain


def _torn(path: Path) -> bool:
    """Whether the write-ahead file is torn. It is checked before SQLite opens it, because SQLite would write it
    back into the database on closing and delete the evidence.
    """
    try:
        damage = wal_check.inspect(path)
    except OSError as error:
        raise JournalError(
            f"{wal_check.wal_path(path)}: cannot be read ({error.strerror}); make it readable by this user"
        ) from error
    if damage is not None and damage.certain:
        raise JournalAltered(
            f"{wal_check.wal_path(path)}: altered or damaged at frame {damage.frame}, "
            f"before committed records; {_KEEP}"
        )
    return damage is not None


def _refuse_foreign(meta: schema.Meta, path: Path, origin: Origin, keyid: str) -> None:
    if meta.origin != origin:
        raise JournalForeign(
            f"{path}: the journal of {meta.origin.site}/{meta.origin.terminal}, not of {origin.site}/"
            f"{origin.terminal}; correct the site and terminal, or give this terminal its own journal"
        )
    if meta.keyid != keyid:
        raise JournalForeign(
            f"{path}: signed by the key {meta.keyid}, ours is {keyid}; bring back that identity, or deliver this "
            'journal and start a new one (docs/operations.md, "A new identity")'
        )


def _refuse_altered_end(connection: sqlite3.Connection, path: Path, chain: Chain) -> None:
    """Check that the last two records verify and link. `journal verify` checks all records, which takes minutes."""
    query = "SELECT seq, kind, person, payload, signature FROM records ORDER BY seq DESC LIMIT 2"
    kept = [StoredEnvelope(*row) for row in reversed(connection.execute(query).fetchall())]
    problem = verify_records(kept, chain).problem
    receipted = connection.execute("SELECT max(upto) FROM receipt").fetchone()[0] or 0
    last = kept[-1].seq if kept else 0
    if problem is None and receipted > last:
        problem = ChainFault(last + 1, f"missing: the ledger holds records up to {receipted}")
    if problem is not None:
        raise JournalAltered(f"{path}: record {problem.seq}: {problem.what}; {_KEEP}")
