"""A terminal whose records go straight into a ledger, without a journal or a broker."""

from datetime import UTC, datetime, timedelta
from typing import Any

from nacl.signing import SigningKey

from edge.central.ledger.intake import Ledger, Outcome
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from tests.support.clock import text
from tests.support.intake import accept
from tests.support.people import ANN
from tests.support.records import punch_data

BOOT = "1" * 32
BOOTED = datetime(2026, 3, 2, 7, tzinfo=UTC)
HOUR = 3_600_000
"""Milliseconds."""


def since_boot(boottime_ms: int, off: timedelta | None = None, *, boot: str = BOOT, booted: datetime = BOOTED,
               offset: int = 60, zone: str = "Europe/Berlin") -> TimeEvidence:  # fmt: skip
    """What a terminal says so many ms after its start; with `off`, its clock is wrong and not synchronised."""
    utc = booted + timedelta(milliseconds=boottime_ms) + (off or timedelta())
    return TimeEvidence(text(utc), offset, zone, boot, boottime_ms, off is None)


class Gate:
    """A terminal that writes into a ledger."""

    def __init__(self, store: Store, origin: Origin, number: int) -> None:
        """Register it; `number` makes its key and its epoch."""
        self.ledger = Ledger(store, SigningKey(bytes([99]) * 32))
        self.key, self.origin, self.epoch = SigningKey(bytes([number]) * 32), origin, f"{number:032x}"
        self.seq, self.prev = 0, GENESIS
        store.register(origin, self.key.verify_key)

    def write(self, kind: Kind, data: dict[str, Any], time: TimeEvidence) -> str:
        """The next record, which the ledger must store; its id."""
        self.seq += 1
        payload = encode(self.origin, Position(self.epoch, self.seq, self.prev), Draft(kind, data, time))
        self.prev = payload_hash(payload)
        wire = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, self.key))
        assert accept(self.ledger, topics.record(self.origin, kind), wire).outcome is Outcome.STORED
        return f"{self.origin.terminal}/{self.epoch}/{self.seq}"

    def punch(self, time: TimeEvidence, person: str = ANN, direction: str = "in") -> str:
        """A punch; its id."""
        return self.write(Kind.PUNCH, punch_data(person, direction), time)

    def boot(self, time: TimeEvidence) -> str:
        """The record of a start; its id."""
        return self.write(Kind.BOOT, {"version": "0.1.0", "models": []}, time)

    def correct(self, time: TimeEvidence, change: str, corrects: str | None, **changes: object) -> str:
        """A correction; its id."""
        data = {
            "person": ANN, "change": change, "corrects": corrects, "direction": None, "at": None,
            "reason": "other", "worker": "asked", "employer": "agrees", **changes,
        }  # fmt: skip
        return self.write(Kind.CORRECTION, data, time)
