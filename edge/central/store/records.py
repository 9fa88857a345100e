"""The ledger's tables: every signed record exactly once, and up to where each chain is verified.

Each thread has its own `Store`. Signatures are not verified here; `edge.central.ledger.intake` verifies them
before.
"""

from collections.abc import Collection, Iterator, Sequence

from nacl.signing import VerifyKey

from edge.central.store.database import Database
from edge.central.store.model import ChainRow, Links, RegisteredTerminal, StoredRecord, now
from edge.crypto.curve_points import sealing_key
from edge.crypto.dsse import key_id
from edge.domain.protocol.fields import NAME
from edge.domain.protocol.names import RESERVED
from edge.domain.protocol.record import GENESIS, Origin
from edge.errors import LedgerRefused

__all__ = ["MAX_CONFLICTS", "RESERVED", "ChainRow", "Links", "RegisteredTerminal", "Store", "StoredRecord"]

MAX_CONFLICTS = 1_000
"""Evidence of forks that is kept for each chain at most. A faulty terminal must not fill the disk with it."""


class Store(Database):
    """One connection to the ledger's database, bound to the thread that opened it."""

    def register(self, origin: Origin, key: VerifyKey) -> RegisteredTerminal:
        """Registers a terminal's name with this key. Returns the existing identity if it is registered already.

        Raises LedgerError for a reserved name, for a name that another site has, and for a key that another name
        has or that was revoked; KeyFileError for a key that is not a point of its curve.
        """
        if NAME.fullmatch(origin.site) is None or NAME.fullmatch(origin.terminal) is None:
            raise LedgerRefused(
                f"{origin.site}/{origin.terminal}: names are of lower-case letters, digits and hyphens"
            )
        if origin.terminal in RESERVED:
            raise LedgerRefused(
                f"a terminal cannot be called {origin.terminal}; the name is reserved, choose another"
            )
        sealing_key(key)  # refuses a key to which the site's roster could not be sealed
        with self.batch():
            row = self._db.execute(_TERMINAL_OF_KEY, (key_id(key),)).fetchone()
            if row is None:
                self._refuse_a_second_site(origin)
                self._db.execute(
                    "INSERT INTO terminals (site, terminal, keyid, public_key, registered) VALUES (?, ?, ?, ?, ?)",
                    (origin.site, origin.terminal, key_id(key), bytes(key), now()),
                )
                row = self._db.execute(_TERMINAL_OF_KEY, (key_id(key),)).fetchone()
        found = _terminal(row)
        if found.origin != origin or found.revoked is not None:
            state = "was revoked" if found.revoked else "belongs to it"
            raise LedgerRefused(
                f"the key {found.keyid} is registered for {found.origin.site}/{found.origin.terminal} and {state}; "
                "make a new identity for this terminal"
            )
        return found

    def revoke(self, keyid: str, since: str | None = None) -> bool:
        """Revokes a key: nothing more that it signs is stored; stored records stay.

        Records received at `since` (RFC 3339 UTC) or later are then unproven; without `since` that instant stays
        unknown. `since` may also be given for a key that is revoked already. Returns False if the key is unknown or
        nothing changed.
        """
        with self.batch():
            query = "UPDATE terminals SET revoked = ? WHERE keyid = ? AND revoked IS NULL"
            fresh = self._db.execute(query, (now(), keyid)).rowcount == 1
            if since is None:
                return fresh
            query = "UPDATE terminals SET doubted_since = ? WHERE keyid = ?"
            return self._db.execute(query, (since, keyid)).rowcount == 1

    def terminal(self, keyid: str) -> RegisteredTerminal | None:
        """The registered identity of a key id; None if it is not registered."""
        with self._guard():
            row = self._db.execute(_TERMINAL_OF_KEY, (keyid,)).fetchone()
        return None if row is None else _terminal(row)

    def revoked(self, keyids: Collection[str]) -> set[str]:
        """Those of these key ids that were revoked."""
        places = ", ".join("?" * len(keyids))
        query = f"SELECT keyid FROM terminals WHERE revoked IS NOT NULL AND keyid IN ({places})"  # noqa: S608
        with self._guard():
            return {keyid for (keyid,) in self._db.execute(query, tuple(keyids))}

    def terminals(self) -> list[RegisteredTerminal]:
        """Every registered identity, including the revoked ones."""
        with self._guard():
            return [_terminal(row) for row in self._db.execute(f"{_TERMINALS} ORDER BY site, terminal, id")]

    def find_chain(self, terminal: RegisteredTerminal, epoch: str) -> ChainRow | None:
        """The chain of an epoch; None if no record of it was ever stored."""
        with self._guard():
            row = self._db.execute(_CHAIN_OF_EPOCH, (terminal.id, epoch)).fetchone()
        return None if row is None else ChainRow(*row)

    def chain(self, terminal: RegisteredTerminal, epoch: str) -> ChainRow:
        """The chain of an epoch; it is created if it is new (inside a batch)."""
        with self._guard():
            row = self._db.execute(_CHAIN_OF_EPOCH, (terminal.id, epoch)).fetchone()
            if row is None:
                insert = "INSERT INTO chains (terminal, epoch, upto, head) VALUES (?, ?, 0, ?)"
                self._db.execute(insert, (terminal.id, epoch, GENESIS))
                row = self._db.execute(_CHAIN_OF_EPOCH, (terminal.id, epoch)).fetchone()
        return ChainRow(*row)

    def chains(self) -> list[ChainRow]:
        """Every chain of every terminal."""
        with self._guard():
            rows = self._db.execute("SELECT id, terminal, epoch, upto, head FROM chains ORDER BY terminal, id")
            return [ChainRow(*row) for row in rows]

    def links(self, chain: ChainRow, seq: int) -> Links | None:
        """The hashes that link a stored record; None if it is not here."""
        with self._guard():
            query = "SELECT prev, hash FROM records WHERE chain = ? AND seq = ?"
            row = self._db.execute(query, (chain.id, seq)).fetchone()
        return None if row is None else Links(*row)

    def entry(self, chain: ChainRow, seq: int) -> StoredRecord | None:
        """A stored record; None if it is not here."""
        with self._guard():
            row = self._db.execute(f"{_ENTRY} AND seq = ?", (chain.id, seq)).fetchone()
        return None if row is None else StoredRecord(*row)

    def top(self, chain: ChainRow) -> int:
        """The highest stored `seq`, which may lie after a gap; 0 if no record is stored."""
        with self._guard():
            found: int | None = self._db.execute(_TOP, (chain.id,)).fetchone()[0]
        return found or 0

    def insert(self, chain: ChainRow, entries: Sequence[StoredRecord]) -> None:
        """Stores records (inside a batch). Their places must be free: a stored record is never overwritten."""
        received = now()
        with self._guard():
            self._db.executemany(_INSERT, [(chain.id, *_columns(entry), received) for entry in entries])

    def advance(self, chain: ChainRow, upto: int, head: str) -> None:
        """Stores up to where a chain is verified (inside a batch)."""
        with self._guard():
            self._db.execute("UPDATE chains SET upto = ?, head = ? WHERE id = ?", (upto, head, chain.id))

    def keep_conflict(self, chain: ChainRow, entry: StoredRecord, why: str) -> None:
        """Keeps a record as evidence of a fork, each one once and at most MAX_CONFLICTS in a chain (inside a
        batch).
        """
        with self._guard():
            kept = self._db.execute("SELECT count(*) FROM conflicts WHERE chain = ?", (chain.id,)).fetchone()[0]
            if kept < MAX_CONFLICTS:
                self._db.execute(_INSERT_CONFLICT, (chain.id, *_columns(entry), now(), why))

    def entries(self, chain: ChainRow, after: int = 0) -> Iterator[StoredRecord]:
        """The stored records of a chain with seq > `after`, in order."""
        with self._guard():
            for row in self._db.execute(f"{_ENTRY} AND seq > ? ORDER BY seq", (chain.id, after)):
                yield StoredRecord(*row)

    def conflicts(self, chain: ChainRow) -> list[tuple[StoredRecord, str]]:
        """The evidence of forks of a chain, each record with its reason, in the order of arrival."""
        with self._guard():
            return [(StoredRecord(*row[:-1]), row[-1]) for row in self._db.execute(_CONFLICTS, (chain.id,))]

    def names(self, person: str) -> bool:
        """Whether any record names this person."""
        with self._guard():
            return (
                self._db.execute("SELECT 1 FROM records WHERE person = ? LIMIT 1", (person,)).fetchone() is not None
            )

    def count(self, kind: str | None = None) -> int:
        """Number of stored records, of one kind or of all kinds."""
        with self._guard():
            query = "SELECT count(*) FROM records WHERE ? IS NULL OR kind = ?"
            found: int = self._db.execute(query, (kind, kind)).fetchone()[0]
        return found

    def count_of(self, chain: ChainRow) -> int:
        """Number of stored records of a chain."""
        with self._guard():
            query = "SELECT count(*) FROM records WHERE chain = ?"
            found: int = self._db.execute(query, (chain.id,)).fetchone()[0]
        return found

    def _refuse_a_second_site(self, origin: Origin) -> None:
        """Refuses a terminal name that another site has, because a record's id contains the terminal and not the
        site.

        A name that two sites already have is still accepted.
        """
        query = "SELECT DISTINCT site FROM terminals WHERE terminal = ?"
        sites = {site for (site,) in self._db.execute(query, (origin.terminal,))}
        if sites and origin.site not in sites:
            raise LedgerRefused(
                f"{origin.site}/{origin.terminal}: {min(sites)}/{origin.terminal} has this name, by which records "
                f"are known; give this terminal another one, such as {origin.site}-{origin.terminal}"
            )


_TERMINALS = "SELECT id, site, terminal, keyid, public_key, registered, revoked, doubted_since FROM terminals"
_TERMINAL_OF_KEY = f"{_TERMINALS} WHERE keyid = ?"
_CHAIN_OF_EPOCH = "SELECT id, terminal, epoch, upto, head FROM chains WHERE terminal = ? AND epoch = ?"
_TOP = "SELECT max(seq) FROM records WHERE chain = ?"
_ENTRY = "SELECT seq, kind, person, prev, hash, payload, signature FROM records WHERE chain = ?"
_INSERT = (
    "INSERT INTO records (chain, seq, kind, person, prev, hash, payload, signature, received)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CONFLICTS = (
    "SELECT seq, kind, person, prev, hash, payload, signature, why FROM conflicts WHERE chain = ? ORDER BY id"
)
_INSERT_CONFLICT = (
    "INSERT OR IGNORE INTO conflicts (chain, seq, kind, person, prev, hash, payload, signature, received, why)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _columns(entry: StoredRecord) -> tuple[object, ...]:
    return (entry.seq, entry.kind, entry.person, entry.prev, entry.hash, entry.payload, entry.signature)


def _terminal(row: tuple[int, str, str, str, bytes, str, str | None, str | None]) -> RegisteredTerminal:
    number, site, terminal, keyid, key, registered, revoked, since = row
    return RegisteredTerminal(number, Origin(site, terminal), keyid, VerifyKey(key), registered, revoked, since)
