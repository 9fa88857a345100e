"""An enrolment at the terminal without its camera: its files, a ticket of the authority, given templates."""

from pathlib import Path

import numpy as np

from edge.crypto import dsse
from edge.domain.face import Probe
from edge.domain.people.credentials import Token
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record import decode
from edge.domain.recognition.head_turn import Side
from edge.domain.vocabulary import Button
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.terminal.control.actions import ControlParts
from edge.terminal.control.wall import WallEnrolment
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.orders.tickets import Tickets
from edge.terminal.outbox.flush import flush
from edge.terminal.runtime.lending import Opening
from tests.support.clock import HandClock
from tests.support.people import ANN, BOB, POLICY
from tests.support.signed_orders import AUTHORITY, GATE, IDENTITY, ISSUED, MODEL, STORAGE, sign

UNTIL = "2026-03-03T07:00:00.000Z"
STAFF = "4711"
TICKET = {
    "person": ANN,
    "policy_version": POLICY.version,
    "policy_sha256": POLICY.sha256,
    "witness": "4712",
    "employer_agreed": True,
}


def ticket(
    number: int = 1, *, expires: str = UNTIL, terminals: tuple[str, ...] = ("gate-1",), **fields: object
) -> Order:
    return Order(f"{number:032x}", "hq", terminals, number, ISSUED, expires, Word.ENROL, {**TICKET, **fields})


def probes(seed: int = 1) -> list[Probe]:
    rows = np.random.default_rng(seed).normal(size=(5, 192)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return [Probe(row, MODEL, 0.99, 0.9) for row in rows]


class WallBench:
    """A terminal's files: Ann has a badge and no face, Bob is a supervisor."""

    def __init__(self, root: Path, *, enrols: bool = True) -> None:
        self.root, self.clock, self.lookalike = root, HandClock(), None
        self.people, self.journal = self.open(), Journal(root / "journal.db", GATE, IDENTITY)
        self.orders = OrderHandler(
            GATE, IDENTITY, AUTHORITY.verify_key, self.open, POLICY, self.clock, enrols=enrols
        )
        self.tickets = Tickets(GATE, lambda: AUTHORITY.verify_key, self.clock)
        self.parts = ControlParts(
            open_people=self.open, open_journal=lambda: Journal(root / "journal.db", GATE, IDENTITY),
            policy=lambda: POLICY, lookalike=lambda *_: self.lookalike, first_side=lambda: Side.LEFT,
            clock=self.clock, camera=True, reader=True, strobe=False, language="en", tickets=self.tickets,
        )  # fmt: skip

    def open(self) -> People:
        return People(self.root / "people.db", STORAGE)

    def populate(self) -> None:
        for person, name, badge in ((ANN, "Ann", "9002"), (BOB, "Bob", "9001")):
            self.people.add(person, name)
            self.people.credentials.give(person, Token.BADGE, badge)
        self.people.credentials.set_pin(BOB, "271828")
        self.people.credentials.set_supervisor(BOB, STAFF)

    def give(self, order: Order) -> bool:
        return self.orders.take(dsse.parse(sign(order)), self.journal)

    def begin(self, supervisor: str | None = None) -> WallEnrolment:
        return WallEnrolment(Opening(ANN, supervisor, 0), self.parts)

    def films(self, action: WallEnrolment) -> WallEnrolment:
        """Everything is answered with yes, and the templates are there."""
        while action.loan._questions:
            action.loan.pressed(Button.IN)
        action.loan.enrolment._probes = probes()
        return action

    def records(self) -> list[dict[str, object]]:
        found = [decode(dsse.parse(one.wire).payload) for one in self.journal.envelopes(0, 1000)]
        return [{"kind": str(record.kind), **record.data} for record in found]

    def said(self) -> list[tuple[object, object]]:
        return [(one["kind"], one.get("outcome")) for one in self.records()]

    def start(self) -> None:
        """What the daemon does at its start."""
        flush(self.people, self.journal, self.clock, interrupted=True)

    def close(self) -> None:
        self.orders.close()
        self.people.close()
        self.journal.close()
