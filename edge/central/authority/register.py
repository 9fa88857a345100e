"""What the authority did, in a file of its own: the audit log, the orders, and to which terminals they were sent.

Kept beside the authority's key and apart from the ledger, which may be on another machine. An order and the entry
that says who gave it and why are one transaction. What is done in other files is noted here before (`begin`) and
entered after (`done`): whatever interrupts it, the next command enters what was begun (a transactional outbox).
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
"""Stands in the payload of every entry that names a key, and in few others."""
_MOST_NAMED = 200
"""Terminals that an entry names: with names of 64 characters that is 13 kB of an envelope's 32 KiB."""

_CANCELLED = "SELECT payload FROM audit WHERE instr(payload, ?)"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and why; both stand in the audit log."""

    by: str
    """Who says to do it: a claim."""
    why: str
    login: int | None = None
    """The number of the login that the command was given from, as the operating system knows it."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """An order on its way to one terminal."""

    order: Order
    wire: bytes
    expires: str
    """Of the order, or of the key that signed it where that ends before."""
    origin: Origin
    sent: str | None
    """When it was last sent; None: never."""
    times: int
    cancelled: bool = False
    """It is not sent again."""
    trying: str | None = None
    """When a command began to send it, of which nobody knows yet whether it did."""


class OrderRegister(SqliteConnection):
    """One connection; made on the first use. Raises LedgerError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = REGISTRY.open(path, TABLES)

    def enter(
        self, key: SigningKey, doing: Actor, act: Act, data: Mapping[str, Any], person: str | None = None
    ) -> AuditEntry:
        """Append to the audit log; durable on return. Raises RecordError for what is malformed."""
        with REGISTRY.writing(self._db, self.path):
            return self._enter(key, doing, act, data, person)

    def begin(self, doing: Actor, act: Act, data: Mapping[str, Any], person: str | None) -> int:
        """Note what is about to be done in another file, before it is; durable on return. Its number.

        Raises RecordError for what the log would not take.
        """
        _entry(1, FIRST, doing, act, data, person).encode()
        row = (now(), doing.by, doing.login, str(act), doing.why, person, json.dumps(dict(data)))
        with REGISTRY.writing(self._db, self.path):
            insert = "INSERT INTO begun (at, by, login, act, why, person, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
            return int(self._db.execute(insert, row).lastrowid or 0)

    def done(self, key: SigningKey, number: int) -> AuditEntry:
        """What was begun is done: the note becomes an entry, in one transaction."""
        with REGISTRY.writing(self._db, self.path):
            return self._settle(key, number, {})

    def undone(self, number: int) -> None:
        """It changed nothing, and leaves nothing."""
        with REGISTRY.writing(self._db, self.path):
            self._db.execute("DELETE FROM begun WHERE id = ?", (number,))

    def settle(self, key: SigningKey) -> list[AuditEntry]:
        """Enter what interrupted commands began, for whoever has the turn; `interrupted`: it may be half done."""
        with REGISTRY.guard(self.path):
            rows = self._db.execute("SELECT id, at FROM begun ORDER BY id").fetchall()
        if not rows:
            return []
        with REGISTRY.writing(self._db, self.path):
            return [self._settle(key, number, {"interrupted": True, "begun": at}) for number, at in rows]

    def begun(self) -> int:
        """How many acts were begun and are not in the log yet."""
        with REGISTRY.guard(self.path):
            return int(self._db.execute("SELECT count(*) FROM begun").fetchone()[0])

    def last_key(self) -> str | None:
        """The authority's key that the log named last, in base64; None while the log is empty."""
        with REGISTRY.guard(self.path):
            return self._last_key()

    def keys(self) -> list[VerifyKey]:
        """Every key that the log named, the first one first."""
        made = [one for one in self.entries() if one.act in {Act.AUTHORITY_MADE, Act.AUTHORITY_ROTATED}]
        return [VerifyKey(base64.b64decode(str(one.data["key"]))) for one in made]

    def orders(self) -> list[Order]:
        """All of them, in the order of issue."""
        with REGISTRY.guard(self.path):
            rows = self._db.execute("SELECT wire FROM orders ORDER BY sequence").fetchall()
        return [Order.decode(dsse.parse(wire).payload) for (wire,) in rows]

    def entries(self) -> list[AuditEntry]:
        """The whole log, in order; `edge.central.authority.audit` verifies it."""
        return [AuditEntry.decode(signed.payload) for signed in self.signed()]

    def signed(self) -> Iterator[Envelope]:
        """The same as it was signed."""
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
        """Sign an order for these terminals and keep it to be sent; with `everywhere` it says `*`.

        The registry decides the sequence. Raises RecordError for what no terminal would take.
        """
        with REGISTRY.writing(self._db, self.path):
            return self._issue(key, doing, site, terminals, word, fields, valid, everywhere, request)

    def issue_each(
        self, key: SigningKey, doing: Actor, site: str, word: Word, fields: Mapping[str, Mapping[str, Any]],
        *, valid: timedelta, request: int | None = None,
    ) -> list[Order]:  # fmt: skip
        """One order for each terminal, by name, with fields of its own: all of them, or none. Raises as `issue`."""
        with REGISTRY.writing(self._db, self.path):
            return [
                self._issue(key, doing, site, [terminal], word, own, valid, False, request)
                for terminal, own in fields.items()
            ]

    def cancel(self, key: SigningKey, doing: Actor, order: Order) -> AuditEntry:
        """Send an order no more, and say so in the log. Raises RecordError for a reason that is malformed."""
        data = {"id": order.id, "sequence": order.sequence, "order": str(order.word), "site": order.site}
        return self.enter(key, doing, Act.ORDER_CANCELLED, data, order.person)

    def rotate(
        self, old: SigningKey, new: SigningKey, doing: Actor, sites: Mapping[str, Sequence[str]],
        fields: Mapping[str, Any], valid: timedelta,
    ) -> list[Order]:  # fmt: skip
        """Name the next key to every site, in one transaction with the entry, which the new key signs."""
        with REGISTRY.writing(self._db, self.path):
            self._refuse_other(old)
            made = [
                self._issue(old, doing, site, terminals, Word.ROTATE, fields, valid, True, None)
                for site, terminals in sorted(sites.items())
            ]
            proof = dsse.sign(Order.PAYLOAD_TYPE, _statement(fields), old)
            data = {**fields, "statement": dsse.to_wire(proof).decode()}
            self._enter(new, doing, Act.AUTHORITY_ROTATED, data, None)
            # what the old key signed ends with it
            self._db.execute("UPDATE orders SET expires = min(expires, ?)", (fields["until"],))
        return made

    def addressed(self) -> list[Addressed]:
        """Every order to every terminal, in the order of issue."""
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
        """Those of them that are still to be sent, noted as being sent; durable on return.

        Not what was cancelled since it was read, nor what another command sent: a `cancel` comes before this, and
        keeps the order here, or after it, and finds the note.
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
        """They were handed to the broker; what nobody listened for, it threw away."""
        done = "UPDATE addressed SET sent = ?, times = times + 1, trying = NULL WHERE sequence = ? AND terminal = ?"
        free = "UPDATE addressed SET trying = NULL WHERE sequence = ? AND terminal = ?"
        with REGISTRY.writing(self._db, self.path):
            self._db.executemany(done, [(now(), one.order.sequence, one.origin.terminal) for one in which])
            self._db.executemany(free, [(one.order.sequence, one.origin.terminal) for one in unheard])

    def _cancelled(self) -> set[object]:
        """The ids of the orders that are not to be sent."""
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
        """What another key signs would end the log for good. Inside the transaction that the entry is of."""
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
            raise RecordError(f"{site}: no terminal there would hear it; `central terminals` lists them")
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
    """Who an order goes to, for its entry: by name, or a number and a digest where an entry cannot hold all."""
    if len(terminals) <= _MOST_NAMED:
        return {"terminals": list(terminals)}
    digest = hashlib.sha256("\n".join(sorted(terminals)).encode()).hexdigest()
    return {"terminals": [EVERYWHERE], "addressed": len(terminals), "addressed_sha256": digest}


def _entry(n: int, prev: str, doing: Actor, act: Act, data: Mapping[str, Any], person: str | None) -> AuditEntry:
    told = dict(data) if doing.login is None else {**data, "login": doing.login}
    return AuditEntry(n, prev, now(), doing.by, str(act), doing.why, person, told)


def _statement(fields: Mapping[str, Any]) -> bytes:
    """The old key's word in the log: a rotation to a site that does not exist, which no terminal would take."""
    zero = "2000-01-01T00:00:00.000Z"
    order = Order("0" * 32, "none", ("none",), 1, zero, "2000-01-02T00:00:00.000Z", Word.ROTATE, dict(fields))
    return order.encode()
