"""What the authority did, in a file of its own: the audit log, the orders, and to which terminals they were sent.

Kept beside the authority's key and apart from the ledger, which may be on another machine. An order and the entry
that says who gave it and why are one transaction.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nacl.signing import SigningKey

from edge.central.rows import now
from edge.domain import auditlog, orders
from edge.domain.auditlog import FIRST, Act, Entry
from edge.domain.orders import Order, Word
from edge.domain.records import Origin
from edge.errors import LedgerError, RecordError
from edge.journal import envelope
from edge.journal.envelope import Envelope
from edge.sqlitefile import Kind

REGISTRY = Kind(
    noun="registry of the authority",
    application_id=0x53435231,  # 'SCR1'
    version=1,
    error=LedgerError,
    mend="it is damaged; keep the file and restore it from your backup",
)
_TABLES = """
CREATE TABLE audit (
    n INTEGER PRIMARY KEY,
    payload BLOB NOT NULL,
    keyid TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log stays'); END;
CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log stays'); END;
CREATE TABLE orders (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    wire BLOB NOT NULL,
    expires TEXT NOT NULL
) STRICT;
CREATE TABLE addressed (
    sequence INTEGER NOT NULL REFERENCES orders (sequence),
    terminal TEXT NOT NULL,
    sent TEXT,
    times INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sequence, terminal)
) STRICT, WITHOUT ROWID;
"""

_CANCELLED = "SELECT payload FROM audit WHERE instr(payload, ?)"


@dataclass(frozen=True, slots=True)
class Doing:
    """Who does something, and why; both stand in the audit log."""

    by: str
    why: str


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


class Registry:
    """One connection; made on the first use. Raises LedgerError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not REGISTRY.present(path):
            REGISTRY.create(path, _TABLES, lambda _db: None)
        self._db = REGISTRY.connect(path)

    def enter(
        self, key: SigningKey, doing: Doing, act: Act, data: Mapping[str, Any], person: str | None = None
    ) -> Entry:
        """Append to the audit log; durable on return. Raises RecordError for what is malformed."""
        with REGISTRY.writing(self._db, self.path):
            return self._enter(key, doing, act, data, person)

    def entries(self) -> list[Entry]:
        """The whole log, in order; `edge.central.auditcheck` verifies it."""
        return [auditlog.decode(signed.payload) for signed in self.signed()]

    def signed(self) -> Iterator[Envelope]:
        """The same as it was signed."""
        with REGISTRY.guard(self.path):
            rows = self._db.execute("SELECT payload, keyid, signature FROM audit ORDER BY n").fetchall()
        for payload, keyid, signature in rows:
            yield Envelope(auditlog.PAYLOAD_TYPE, payload, keyid, signature)

    def issue(
        self,
        key: SigningKey,
        doing: Doing,
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
        self, key: SigningKey, doing: Doing, site: str, word: Word, fields: Mapping[str, Mapping[str, Any]],
        *, valid: timedelta, request: int | None = None,
    ) -> list[Order]:  # fmt: skip
        """One order for each terminal, by name, with fields of its own: all of them, or none. Raises as `issue`."""
        with REGISTRY.writing(self._db, self.path):
            return [
                self._issue(key, doing, site, [terminal], word, own, valid, False, request)
                for terminal, own in fields.items()
            ]

    def cancel(self, key: SigningKey, doing: Doing, order: Order) -> Entry:
        """Send an order no more, and say so in the log. Raises RecordError for a reason that is malformed."""
        data = {"id": order.id, "sequence": order.sequence, "order": str(order.word), "site": order.site}
        return self.enter(key, doing, Act.ORDER_CANCELLED, data, order.person)

    def rotate(
        self, old: SigningKey, new: SigningKey, doing: Doing, sites: Mapping[str, Sequence[str]],
        fields: Mapping[str, Any], valid: timedelta,
    ) -> list[Order]:  # fmt: skip
        """Name the next key to every site, in one transaction with the entry, which the new key signs."""
        with REGISTRY.writing(self._db, self.path):
            made = [
                self._issue(old, doing, site, terminals, Word.ROTATE, fields, valid, True, None)
                for site, terminals in sorted(sites.items())
            ]
            proof = envelope.sign(orders.PAYLOAD_TYPE, _statement(fields), old)
            data = {**fields, "statement": envelope.to_wire(proof).decode()}
            self._enter(new, doing, Act.AUTHORITY_ROTATED, data, None)
            # what the old key signed ends with it
            self._db.execute("UPDATE orders SET expires = min(expires, ?)", (fields["until"],))
        return made

    def addressed(self) -> list[Addressed]:
        """Every order to every terminal, in the order of issue."""
        query = (
            "SELECT wire, expires, terminal, sent, times FROM orders JOIN addressed USING (sequence) "
            "ORDER BY sequence, terminal"
        )
        with REGISTRY.guard(self.path):
            rows = self._db.execute(query).fetchall()
            entries = self._db.execute(_CANCELLED, (f'"act":"{Act.ORDER_CANCELLED}"'.encode(),)).fetchall()
        said = [auditlog.decode(payload) for (payload,) in entries]
        gone = {entry.data.get("id") for entry in said if entry.act == Act.ORDER_CANCELLED}
        found = []
        for wire, expires, terminal, sent, times in rows:
            order = orders.decode(envelope.parse(wire).payload)
            place = Origin(order.site, terminal)
            found.append(Addressed(order, wire, expires, place, sent, times, order.id in gone))
        return found

    def sent(self, which: Sequence[Addressed]) -> None:
        """They were handed to the broker."""
        with REGISTRY.writing(self._db, self.path):
            update = "UPDATE addressed SET sent = ?, times = times + 1 WHERE sequence = ? AND terminal = ?"
            self._db.executemany(update, [(now(), one.order.sequence, one.origin.terminal) for one in which])

    def close(self) -> None:
        """Safe to call twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enter(self, key: SigningKey, doing: Doing, act: Act, data: Mapping[str, Any], person: str | None) -> Entry:
        row = self._db.execute("SELECT n, payload FROM audit ORDER BY n DESC LIMIT 1").fetchone()
        n, prev = (1, FIRST) if row is None else (row[0] + 1, auditlog.digest(row[1]))
        entry = Entry(n, prev, now(), doing.by, str(act), doing.why, person, data)
        signed = envelope.sign(auditlog.PAYLOAD_TYPE, auditlog.encode(entry), key)
        self._db.execute(
            "INSERT INTO audit VALUES (?, ?, ?, ?)", (n, signed.payload, signed.keyid, signed.signature)
        )
        return entry

    def _issue(
        self, key: SigningKey, doing: Doing, site: str, terminals: Sequence[str], word: Word,
        fields: Mapping[str, Any], valid: timedelta, everywhere: bool, request: int | None,
    ) -> Order:  # fmt: skip
        if not terminals:
            raise RecordError(f"{site}: no terminal there would hear it; `central terminals` lists them")
        sequence = self._db.execute("SELECT coalesce(max(sequence), 0) + 1 FROM orders").fetchone()[0]
        issued = datetime.now(UTC)
        names = (orders.EVERYWHERE,) if everywhere else tuple(terminals)
        order = Order(
            secrets.token_hex(16), site, names, sequence, _text(issued), _text(issued + valid), word, dict(fields)
        )
        wire = envelope.to_wire(envelope.sign(orders.PAYLOAD_TYPE, orders.encode(order), key))
        self._db.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", (sequence, order.id, wire, order.expires))
        rows = [(sequence, terminal) for terminal in terminals]
        self._db.executemany("INSERT INTO addressed (sequence, terminal) VALUES (?, ?)", rows)
        data: dict[str, Any] = {"id": order.id, "sequence": sequence, "order": str(word), "site": site}
        data |= {"terminals": list(terminals)} | ({} if request is None else {"request": request})
        data |= {name: fields[name] for name in ("records", "ground", "whose") if name in fields}
        self._enter(key, doing, Act.ORDER, data, order.person)
        return order


def _statement(fields: Mapping[str, Any]) -> bytes:
    """The old key's word in the log: a rotation to a site that does not exist, which no terminal would take."""
    zero = "2000-01-01T00:00:00.000Z"
    order = Order("0" * 32, "none", ("none",), 1, zero, "2000-01-02T00:00:00.000Z", Word.ROTATE, dict(fields))
    return orders.encode(order)


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
