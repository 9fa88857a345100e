"""A terminal killed before any statement on either of its files as it obeys: nothing happened, or it completes."""

import base64
import hashlib
import os
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record import Origin, decode
from edge.domain.protocol.record_kinds import Restriction
from edge.journal.journal import Journal
from edge.journal.verify import verify_file
from edge.people.people_store import People
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.outbox.flush import flush
from tests.support.clock import HandClock
from tests.support.forked import exit_code
from tests.support.people import ANN, BOB, CONSENT, POLICY

GATE = Origin("hq", "gate-1")
IDENTITY, AUTHORITY = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
STATEMENTS = 150
"""More than any order takes; a test fails if it is not."""


def order(word: Word, **fields: object) -> bytes:
    made = Order(
        "c" * 32, "hq", ("gate-1",), 7, "2026-03-02T07:00:00.000Z", "2026-04-02T07:00:00.000Z", word,
        {"person": ANN, **fields},
    )  # fmt: skip
    return dsse.to_wire(dsse.sign(Order.PAYLOAD_TYPE, made.encode(), AUTHORITY))


class Terminal:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.people, self.journal = self.open(), Journal(root / "journal.db", GATE, IDENTITY)
        self.orders = OrderHandler(GATE, IDENTITY, AUTHORITY.verify_key, self.open, POLICY, HandClock())

    def open(self) -> People:
        return People(self.root / "people.db", bytes(32))

    def enrol(self) -> list[bytes]:
        for seed, person in enumerate((ANN, BOB)):
            rows = np.random.default_rng(seed).normal(size=(3, 192)).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            self.people.enrol(person, "Ann Example", CONSENT, POLICY, rows, "m")
        db = self.people._db
        (sealed,) = db.execute("SELECT sealed FROM templates WHERE person = ?", (ANN,)).fetchone()
        return [sealed, *db.execute("SELECT wrapped, name FROM people WHERE id = ?", (ANN,)).fetchone()]

    def matched(self) -> set[str]:
        return set(self.people.gallery("m", POLICY).people)

    def said(self) -> list[tuple[str, str | None]]:
        found = [decode(dsse.parse(one.wire).payload) for one in self.journal.envelopes(0, 100)]
        return [(record.kind, record.data.get("outcome")) for record in found]

    def start(self) -> None:
        """What the daemon does at its start."""
        flush(self.people, self.journal, HandClock(), interrupted=True)

    def close(self) -> None:
        self.orders.close()
        self.people.close()
        self.journal.close()


def obey(root: Path, statement: int, wire: bytes) -> None:
    """Obey an order, and die before the n-th statement of it."""
    terminal = Terminal(root)
    left = [statement]

    def count(_sql: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    terminal.orders._opened()
    for connection in (terminal.journal._db, terminal.orders._people._db):
        connection.set_trace_callback(count)
    os._exit(0 if terminal.orders.take(dsse.parse(wire), terminal.journal) else 3)


def killed_at(root: Path, statement: int, wire: bytes) -> bool:
    """Obey in a process that dies before its n-th statement; False when it came to its end."""
    code = exit_code(obey, root, statement, wire)
    assert code in {0, -signal.SIGKILL}
    return code != 0


def everything(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file())


ERASED = [("erased", None), ("command-result", "done")]


@pytest.mark.parametrize(
    ("wire", "kinds", "gone"),
    [
        (order(Word.ERASE, reason="requested"), ERASED, True),
        (order(Word.EMPLOYMENT_ENDED, at="2026-03-02T07:30:00.000Z"), ERASED, True),
        (order(Word.WITHDRAW), [("consent", None), ("command-result", "done")], True),
        (order(Word.OBJECT), [("restricted", None), ("command-result", "done")], False),
    ],
    ids=["erase", "employment-ended", "withdraw", "object"],
)
def test_killed_before_any_statement(tmp_path: Path, wire: bytes, kinds: list, gone: bool) -> None:
    ends, untouched, completed = 0, 0, 0
    for statement in range(1, STATEMENTS):
        root = tmp_path / str(statement)
        root.mkdir()
        terminal = Terminal(root)
        planted = terminal.enrol()
        assert all(blob in everything(root) for blob in planted), "the scan finds what is there"
        terminal.close()
        died = killed_at(root, statement, wire)
        terminal = Terminal(root)
        terminal.start()
        half = terminal.matched(), terminal.said()
        assert half in (({ANN, BOB}, []), ({BOB}, kinds)), f"at statement {statement}: {half}"
        untouched += half[1] == []
        completed += half[1] != []
        assert terminal.orders.take(dsse.parse(wire), terminal.journal) is (half[1] == []), (
            "it comes again, and is taken once"
        )
        assert terminal.matched() == {BOB}
        assert terminal.said() == kinds
        assert terminal.people.outbox.pending() == terminal.people.erasures() == []
        if gone:
            assert not any(blob in everything(root) for blob in planted), f"at statement {statement}"
        else:
            assert terminal.people.restriction(ANN) is Restriction.OBJECTED
        terminal.close()
        keys = {dsse.key_id(IDENTITY.verify_key): IDENTITY.verify_key}
        assert verify_file(root / "journal.db", keys).problem is None
        if not died:
            ends = statement
            break
    assert ends > 10
    assert untouched > 3
    assert completed > 3


def test_no_answer_is_left_behind_untold(tmp_path: Path) -> None:
    """Killed at any statement, the order does not come again: its file is there with its record, or neither is."""
    wire = order(Word.ACCESS, reply_key=base64.b64encode(bytes(PrivateKey(bytes([5]) * 32).public_key)).decode())
    nothing, handed_out = 0, 0
    for statement in range(1, STATEMENTS):
        root = tmp_path / str(statement)
        root.mkdir()
        terminal = Terminal(root)
        terminal.enrol()
        terminal.close()
        died = killed_at(root, statement, wire)
        terminal = Terminal(root)
        terminal.start()
        terminal.orders.look(terminal.journal)
        found = [decode(dsse.parse(one.wire).payload) for one in terminal.journal.envelopes(0, 100)]
        told = [record.data["detail"] for record in found]
        files = list((root / "access").iterdir()) if (root / "access").exists() else []
        assert len(files) == len(told) <= 1, f"at statement {statement}: {files}, {told}"
        nothing += not files
        handed_out += bool(files)
        if files:
            assert hashlib.sha256(files[0].read_bytes()).hexdigest() in told[0], f"at statement {statement}"
        assert terminal.orders.take(dsse.parse(wire), terminal.journal) is (not files), (
            "it comes again, and is taken once"
        )
        assert len(list((root / "access").iterdir())) == len(terminal.said()) == 1
        assert terminal.people.outbox.pending() == terminal.people.orders.kept() == []
        terminal.close()
        if not died:
            break
    assert nothing > 3
    assert handed_out > 10


def test_a_kill_without_the_outbox_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the debt in the people file, a kill between the two files loses the record."""
    monkeypatch.setattr("edge.terminal.orders.order_handler.flush", lambda *_args, **_options: 0)
    root = tmp_path / "lost"
    root.mkdir()
    terminal = Terminal(root)
    terminal.enrol()
    terminal.orders.take(dsse.parse(order(Word.ERASE, reason="requested")), terminal.journal)
    db: sqlite3.Connection = terminal.people._db
    db.execute("UPDATE orders SET owed = NULL")
    db.execute("UPDATE people SET erasing = NULL")
    terminal.start()
    assert (terminal.matched(), terminal.said()) == ({BOB}, []), "what the test above would call a half-done order"
    terminal.close()
