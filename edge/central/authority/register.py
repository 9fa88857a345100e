"""The register of the authority: the audit log, the orders, and the terminals to which they were sent.

It is a file beside the authority's key and apart from the ledger, which may be on another machine. An order and its
entry in the log are one transaction. An act in other files is noted before it (`begin`) and entered after it
(`done`). If it is interrupted, the next command enters the note (a transactional outbox).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey, VerifyKey

from edge.central.authority.register_schema import REGISTRY, TABLES
from edge.central.store.model import now
from edge.crypto import dsse
from edge.crypto.dsse import Envelope
from edge.domain.protocol import audit_entry
from edge.domain.protocol.audit_entry import FIRST, Act, AuditEntry
from edge.domain.protocol.order import EVERYWHERE, Order, Word
from edge.domain.protocol.record import Origin
from edge.domain.time.instant import utc_text
from edge.errors import LedgerRefused, RecordError
from edge.storage.sqlite_connection import SqliteConnection

_NAMES_KEY = b'"authority-'
"""Occurs in the payload of every entry that names a key, and in few others."""
_MOST_NAMED = 200
"""Terminals that an entry names at most: with names of 64 characters that is 13 kB of an envelope's 32 KiB."""

_CANCELLED = "SELECT payload FROM audit WHERE instr(payload, ?)"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and why; both are entered in the audit log."""

    by: str
    """The name that the operator gave; it is a claim."""
    why: str
    login: int | None = None
    """The number of the login from which the command was given, as the operating system knows it."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """An order addressed to one terminal."""

    order: Order
    wire: bytes
    expires: str
    """When the order ends, or the key that signed it if that is earlier."""
    origin: Origin
    sent: str | None
    """When it was last sent; None if it was never sent."""
    times: int
    cancelled: bool = False
    """Whether the order was cancelled; then it is not sent again."""
    trying: str | None = None
    """When a command began to send it without reporting the result yet."""


class OrderRegister(SqliteConnection):
    """One connection to `authority.db`, which is created if it is absent. Every method raises LedgerError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = REGISTRY.open(path, TABLES)

    def enter(
        self, key: SigningKey, doing: Actor, act: Act, data: Mapping[str, Any], person: str | None = None
    ) -> AuditEntry:
        """Appends an entry to the audit log; durable on return. Raises RecordError for a malformed one."""
        with REGISTRY.writing(self._db, self.path):
            return self._enter(key, doing, act, data, person)

    def begin(self, doing: Actor, act: Act, data: Mapping[str, Any], person: str | None) -> int:
        """Notes an act before it changes another file; durable on return. Returns the number of the note.

        Raises RecordError for data that the log would not accept.
        """
        _entry(1, FIRST, doing, act, data, person).encode()
        row = (now(), doing.by, doing.login, str(act), doing.why, person, json.dumps(dict(data)))
        with REGISTRY.writing(self._db, self.path):
            insert = "INSERT INTO begun (at, by, login, act, why, person, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
            return int(self._db.execute(insert, row).lastrowid or 0)

    def done(self, key: SigningKey, number: int) -> AuditEntry:
        """Turns the note of a finished act into an entry, in one transaction."""
        with REGISTRY.writing(self._db, self.path):
            return self._settle(key, number, {})

    def undone(self, number: int) -> None:
        """Deletes the note of an act that changed nothing."""
        with REGISTRY.writing(self._db, self.path):
            self._db.execute("DELETE FROM begun WHERE id = ?", (number,))

    def settle(self, key: SigningKey) -> list[AuditEntry]:
        """Enters the notes of interrupted commands. The caller holds the lock. `interrupted` in an entry means that
        the act may be half done.
        """
        with REGISTRY.guard(self.path):
            rows = self._db.execute("SELECT id, at FROM begun ORDER BY id").fetchall()
        if not rows:
            return []
        with REGISTRY.writing(self._db, self.path):
            return [self._settle(key, number, {"interrupted": True, "begun": at}) for number, at in rows]

    def begun(self) -> int:
        """Number of acts that are noted and not in the log yet."""
        with REGISTRY.guard(self.path):
            return int(self._db.execute("SELECT count(*) FROM begun").fetchone()[0])

    def last_key(self) -> str | None:
        """The authority's key that the log named last, in base64; None if the log is empty."""
        with REGISTRY.guard(self.path):
            return self._last_key()

    def keys(self) -> list[VerifyKey]:
        """Every key that the log named, the first one first."""
        made = [one for one in self.entries() if one.act in {Act.AUTHORITY_MADE, Act.AUTHORITY_ROTATED}]
        return [VerifyKey(base64.b64decode(str(one.data["key"]))) for one in made]

    def orders(self) -> list[Order]:
        """All orders, in the order of issue."""
        with REGISTRY.guard(self.path):
            rows = self._db.execute("SELECT wire FROM orders ORDER BY sequence").fetchall()
        return [Order.decode(dsse.parse(wire).payload) for (wire,) in rows]

    def entries(self) -> list[AuditEntry]:
        """All entries of the log in order, not verified; `edge.central.authority.audit` verifies them."""
        return [AuditEntry.decode(signed.payload) for signed in self.signed()]

    def signed(self) -> Iterator[Envelope]:
        """The signed envelopes of all entries, in order."""
        with REGISTRY.guard(self.path):
            rows = self._db.execute("SELECT payload, keyid, signature FROM audit ORDER BY n").fetchall()
        for payload, keyid, signature in rows:
            yield Envelope(AuditEntry.PAYLOAD_TYPE, payload, keyid, signature)

    def issue(
        self,
        key: SigningKey,
        doing: Actor,
        site: str,
        terminals: Sequence[str],
        word: Word,
        fields: Mapping[str, Any],
        *,
        valid: timedelta,
        everywhere: bool = False,
        request: int | None = None,
    ) -> Order:
        """Signs an order for these terminals and stores it to be sent; with `everywhere` it is addressed to `*`.

        The register chooses the sequence number. Raises RecordError for an order that no terminal would accept.
        """
        with REGISTRY.writing(self._db, self.path):
            return self._issue(key, doing, site, terminals, word, fields, valid, everywhere, request)

    def issue_each(
        self, key: SigningKey, doing: Actor, site: str, word: Word, fields: Mapping[str, Mapping[str, Any]],
        *, valid: timedelta, request: int | None = None,
    ) -> list[Order]:  # fmt: skip
        """One order for each terminal, with the fields for its name. Either all are stored or none. Raises as
        `issue`.
        """
        with REGISTRY.writing(self._db, self.path):
            return [
                self._issue(key, doing, site, [terminal], word, own, valid, False, request)
                for terminal, own in fields.items()
            ]

    def cancel(self, key: SigningKey, doing: Actor, order: Order) -> AuditEntry:
        """Stops sending an order, with an entry in the log. Raises RecordError for a malformed reason."""
        data = {"id": order.id, "sequence": order.sequence, "order": str(order.word), "site": order.site}
        return self.enter(key, doing, Act.ORDER_CANCELLED, data, order.person)

    def rotate(
        self, old: SigningKey, new: SigningKey, doing: Actor, sites: Mapping[str, Sequence[str]],
        fields: Mapping[str, Any], valid: timedelta,
    ) -> list[Order]:  # fmt: skip
        """Announces the next key to every site. The new key signs the log entry; orders and entry are one
        transaction.
        """
        with REGISTRY.writing(self._db, self.path):
            self._refuse_other(old)
            made = [
                self._issue(old, doing, site, terminals, Word.ROTATE, fields, valid, True, None)
                for site, terminals in sorted(sites.items())
            ]
            proof = dsse.sign(Order.PAYLOAD_TYPE, _statement(fields), old)
            data = {**fields, "statement": dsse.to_wire(proof).decode()}
            self._enter(new, doing, Act.AUTHORITY_ROTATED, data, None)
            # Orders that the old key signed end with it.
            self._db.execute("UPDATE orders SET expires = min(expires, ?)", (fields["until"],))
        return made

    def addressed(self) -> list[Addressed]:
        """Every order for every terminal, in the order of issue."""
        query = (
            "SELECT wire, expires, terminal, sent, times, trying FROM orders JOIN addressed USING (sequence) "
            "ORDER BY sequence, terminal"
        )
        with REGISTRY.guard(self.path):
            rows = self._db.execute(query).fetchall()
            gone = self._cancelled()
        found = []
        for wire, expires, terminal, sent, times, trying in rows:
            order = Order.decode(dsse.parse(wire).payload)
            place = Origin(order.site, terminal)
            found.append(Addressed(order, wire, expires, place, sent, times, order.id in gone, trying))
        return found

    def claim(self, which: Sequence[Addressed]) -> list[Addressed]:
        """Those of the orders that are still to be sent. They are noted as being sent; durable on return.

        Orders that were cancelled or sent by another command since they were read are left out. A cancellation
        either comes before this, and the order is not sent, or comes after it and finds the note.
        """
        take = "UPDATE addressed SET trying = ? WHERE sequence = ? AND terminal = ? AND times = ?"
        with REGISTRY.writing(self._db, self.path):
            gone, at = self._cancelled(), now()
            return [
                one
                for one in which
                if one.order.id not in gone
                and self._db.execute(take, (at, one.order.sequence, one.origin.terminal, one.times)).rowcount
            ]

    def sent(self, which: Sequence[Addressed], unheard: Sequence[Addressed] = ()) -> None:
        """Stores that the orders were passed to the broker. `unheard` had no subscriber, so the broker dropped
        them.
        """
        done = "UPDATE addressed SET sent = ?, times = times + 1, trying = NULL WHERE sequence = ? AND terminal = ?"
        free = "UPDATE addressed SET trying = NULL WHERE sequence = ? AND terminal = ?"
        with REGISTRY.writing(self._db, self.path):
            self._db.executemany(done, [(now(), one.order.sequence, one.origin.terminal) for one in which])
            self._db.executemany(free, [(one.order.sequence, one.origin.terminal) for one in unheard])

    def _cancelled(self) -> set[object]:
        """The ids of the cancelled orders."""
        entries = self._db.execute(_CANCELLED, (f'"act":"{Act.ORDER_CANCELLED}"'.encode(),)).fetchall()
        said = [AuditEntry.decode(payload) for (payload,) in entries]
        return {entry.data.get("id") for entry in said if entry.act == Act.ORDER_CANCELLED}

    def _settle(self, key: SigningKey, number: int, more: Mapping[str, Any]) -> AuditEntry:
        query = "SELECT by, login, act, why, person, data FROM begun WHERE id = ?"
        by, login, act, why, person, data = self._db.execute(query, (number,)).fetchone()
        entry = self._enter(key, Actor(by, why, login), Act(act), {**json.loads(data), **more}, person)
        self._db.execute("DELETE FROM begun WHERE id = ?", (number,))
        return entry

    def _enter(
        self, key: SigningKey, doing: Actor, act: Act, data: Mapping[str, Any], person: str | None
    ) -> AuditEntry:
        row = self._db.execute("SELECT n, payload FROM audit ORDER BY n DESC LIMIT 1").fetchone()
        n, prev = (1, FIRST) if row is None else (row[0] + 1, audit_entry.digest(row[1]))
        entry = _entry(n, prev, doing, act, data, person)
        if act not in {Act.AUTHORITY_MADE, Act.AUTHORITY_ROTATED}:
            self._refuse_other(key)
        signed = dsse.sign(AuditEntry.PAYLOAD_TYPE, entry.encode(), key)
        self._db.execute(
            "INSERT INTO audit VALUES (?, ?, ?, ?)", (n, signed.payload, signed.keyid, signed.signature)
        )
        return entry

    def _refuse_other(self, key: SigningKey) -> None:
        """Raises LedgerRefused if `key` is not the one that the log named last. An entry of another key would make
        the log invalid from then on.

        Call it inside the transaction that writes the entry.
        """
        if self._last_key() != base64.b64encode(bytes(key.verify_key)).decode():
            raise LedgerRefused(
                f"{self.path}: the log names another key than the one that would sign; the key was replaced "
                "meanwhile: give the command again. If that does not help, restore the authority's keys and this "
                "file from one backup"
            )

    def _last_key(self) -> str | None:
        rows = self._db.execute("SELECT payload FROM audit WHERE instr(payload, ?) ORDER BY n DESC", (_NAMES_KEY,))
        for (payload,) in rows:
            entry = AuditEntry.decode(payload)
            if entry.act in {Act.AUTHORITY_MADE, Act.AUTHORITY_ROTATED}:
                return str(entry.data.get("key"))
        return None

    def _issue(
        self, key: SigningKey, doing: Actor, site: str, terminals: Sequence[str], word: Word,
        fields: Mapping[str, Any], valid: timedelta, everywhere: bool, request: int | None,
    ) -> Order:  # fmt: skip
        if not terminals:
            raise RecordError(f"{site}: no terminal there is registered; `central terminals` lists them")
        sequence = self._db.execute("SELECT coalesce(max(sequence), 0) + 1 FROM orders").fetchone()[0]
        issued = datetime.now(UTC)
        names = (EVERYWHERE,) if everywhere else tuple(terminals)
        order = Order(
            secrets.token_hex(16),
            site,
            names,
            sequence,
            utc_text(issued),
            utc_text(issued + valid),
            word,
            dict(fields),
        )
        wire = dsse.seal(order, key)
        self._db.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", (sequence, order.id, wire, order.expires))
        rows = [(sequence, terminal) for terminal in terminals]
        self._db.executemany("INSERT INTO addressed (sequence, terminal) VALUES (?, ?)", rows)
        data: dict[str, Any] = {"id": order.id, "sequence": sequence, "order": str(word), "site": site}
        data |= _addressed(terminals) | ({} if request is None else {"request": request})
        data |= {name: fields[name] for name in ("records", "ground", "whose") if name in fields}
        self._enter(key, doing, Act.ORDER, data, order.person)
        return order


def _addressed(terminals: Sequence[str]) -> dict[str, Any]:
    """The addressees of an order for its entry: by name, or their number and a digest if there are too many
    names.
    """
    if len(terminals) <= _MOST_NAMED:
        return {"terminals": list(terminals)}
    digest = hashlib.sha256("\n".join(sorted(terminals)).encode()).hexdigest()
    return {"terminals": [EVERYWHERE], "addressed": len(terminals), "addressed_sha256": digest}


def _entry(n: int, prev: str, doing: Actor, act: Act, data: Mapping[str, Any], person: str | None) -> AuditEntry:
    told = dict(data) if doing.login is None else {**data, "login": doing.login}
    return AuditEntry(n, prev, now(), doing.by, str(act), doing.why, person, told)


def _statement(fields: Mapping[str, Any]) -> bytes:
    """The order by which the old key names the new one, for the audit log. It is addressed to a site that does not
    exist, so that no terminal accepts it.
    """
    zero = "2000-01-01T00:00:00.000Z"
    order = Order("0" * 32, "none", ("none",), 1, zero, "2000-01-02T00:00:00.000Z", Word.ROTATE, dict(fields))
    return order.encode()
