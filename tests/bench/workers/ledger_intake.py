"""A process for the benchmark, no verb: how fast a ledger takes real records, on one core.

Three acts in turn, slice by slice, so that all meet the same machine: the intake into an empty ledger, the intake
into one that held many records before, and the verification of the same signatures by PyNaCl alone, the floor.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nacl.signing import SigningKey

from edge.central.ledger.intake import ChainAppender, Ledger, Outcome
from edge.central.store.model import StoredRecord
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence

TERMINALS = 8
"""Whose records come mixed, as from a site."""
BATCH = 64
"""Messages a commit: what the service takes at once."""
SLICE = 16 * BATCH
_TIME = TimeEvidence("2026-03-02T07:59:58.120Z", 60, "Europe/Berlin", "0" * 36, 120_000, True)

Messages = list[tuple[str, bytes]]
Seconds = tuple[float, float]
"""By the clock, and of the processor."""


class Writer:
    """A terminal's chain, as it would be signed."""

    def __init__(self, number: int, epoch: str) -> None:
        self.origin = Origin("bench", f"gate-{number}")
        self.key = SigningKey(bytes([number + 1]) * 32)
        self.epoch = epoch
        letters = [chr(97 + n) for n in range(26)]
        self._people = [f"{letters[number]}{letters[n // 26]}{letters[n % 26]}".ljust(26, "a") for n in range(50)]
        self._seq, self._prev = 0, GENESIS

    def entry(self) -> StoredRecord:
        """The next punch, with no signature."""
        self._seq += 1
        person, before = self._people[self._seq * 7 % len(self._people)], self._prev
        data = {
            "person": person,
            "direction": "in" if self._seq % 2 else "out",
            "direction_source": "alternated",
            "method": "face",
            "quality": "high",
            "liveness": "high",
            "models": ["blazeface-1", "facemesh-1", "minifasnet-1", "mobilefacenet-1"],
        }
        made = encode(self.origin, Position(self.epoch, self._seq, before), Draft(Kind.PUNCH, data, _TIME))
        self._prev = payload_hash(made)
        return StoredRecord(self._seq, Kind.PUNCH, person, before, self._prev, made, bytes(64))

    def message(self) -> tuple[str, bytes]:
        """The next one, signed, as it arrives."""
        sealed = dsse.sign(PAYLOAD_TYPE, self.entry().payload, self.key)
        return topics.record(self.origin, Kind.PUNCH), dsse.to_wire(sealed)


def main(directory: Path, records: int, rows: int) -> dict[str, float]:
    """Rates in records/s, medians over the slices; `…_cpu` by processor time, without the waits for the disk."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    writers = [Writer(number, "e" * 32) for number in range(TERMINALS)]
    messages = [writers[n % TERMINALS].message() for n in range(records // SLICE * SLICE)]
    with Store(directory / "empty.db") as empty, Store(directory / "full.db") as full:
        for store in (empty, full):
            for writer in writers:
                store.register(writer.origin, writer.key.verify_key)
        fill(full, rows)
        acts = {"empty": _intake(empty), "full": _intake(full), "floor": _verification(empty)}
        rates: dict[str, list[float]] = {f"{name}{end}": [] for name in acts for end in ("", "_cpu")}
        for start in range(0, len(messages), SLICE):
            for name, act in acts.items():
                wall, cpu = act(messages[start : start + SLICE])
                rates[name].append(SLICE / wall)
                rates[f"{name}_cpu"].append(SLICE / cpu)
        found = {name: statistics.median(each) for name, each in rates.items()}
        return {**found, "rows_before": full.count() - len(messages), "records": len(messages)}


def fill(store: Store, rows: int) -> None:
    """Records of earlier journals of the same terminals: their signatures are nobody's, the tables do not ask."""
    for number in range(TERMINALS):
        writer = Writer(number, "d" * 32)
        terminal = store.terminal(dsse.key_id(writer.key.verify_key))
        if terminal is None:
            raise RuntimeError("the benchmark's terminals are registered before")
        with store.batch():
            place = ChainAppender(store, store.chain(terminal, writer.epoch))
            for _ in range(rows // TERMINALS):
                place.place(writer.entry())
            place.flush()


def _intake(store: Store) -> Callable[[Messages], Seconds]:
    ledger = Ledger(store, SigningKey(bytes([99]) * 32))

    def act(messages: Messages) -> Seconds:
        began = time.perf_counter(), time.process_time()
        for start in range(0, len(messages), BATCH):
            verdicts = ledger.accept_batch(messages[start : start + BATCH])
            ledger.receipts_due(time.monotonic_ns())
            if any(verdict.outcome is not Outcome.STORED for verdict in verdicts):
                raise RuntimeError("the benchmark's ledger refused a record")
        return time.perf_counter() - began[0], time.process_time() - began[1]

    return act


def _verification(store: Store) -> Callable[[Messages], Seconds]:
    keys = {terminal.keyid: terminal.key for terminal in store.terminals()}

    def act(messages: Messages) -> Seconds:
        sealed = [dsse.parse(raw) for _, raw in messages]
        ready = [(keys[one.keyid], dsse.pae(one.payload_type, one.payload), one.signature) for one in sealed]
        began = time.perf_counter(), time.process_time()
        for key, message, signature in ready:
            key.verify(message, signature)
        return time.perf_counter() - began[0], time.process_time() - began[1]

    return act


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
