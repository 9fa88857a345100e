"""The ledger's intake: mutated records, and the statuses beside them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from random import Random

from edge.central.ledger.intake import Ledger, Outcome
from edge.central.ledger.terminal_claims import ClaimRecorder
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol.record import decode
from edge.journal.chain import START, Chain, Head, StoredEnvelope, check, verify_records
from tests.fuzz.genuine import GATE, LEDGER, OTHER, OTHER_GATE, TERMINAL, Seed, World
from tests.fuzz.mutants import Mutator

_TRUSTED = ("terminals", "chains", "records", "conflicts")


class AtLedger:
    """Every genuine record is stored already: what a mutant adds is a change."""

    def __init__(self, world: World, directory: Path) -> None:
        self._store = Store(directory / "ledger.db")
        self._store.register(GATE, TERMINAL.verify_key)
        self._store.register(OTHER_GATE, OTHER.verify_key)
        self._ledger = Ledger(self._store, LEDGER)
        self._mutator = Mutator(TERMINAL, world.records)
        self._ledger.accept_batch([(seed.topic, seed.wire) for seed in world.records])
        self._ledger.receipts_due(0)
        self._before = self._store._db.total_changes
        self._rows = digest(self._store)
        self._wrong: str | None = None
        self._now_ns = 0

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        return self._mutator.mutant(rng, changes)

    def offer(self, batch: Sequence[Seed]) -> None:
        verdicts = self._ledger.accept_batch([(seed.topic, seed.wire) for seed in batch])
        accepted = [v.outcome for v in verdicts if v.outcome not in {Outcome.REJECTED, Outcome.DUPLICATE}]
        if accepted:
            self._wrong = f"{accepted[0].value}, and nobody genuine wrote it"
        self._now_ns += 1_000_000_000
        self._ledger.receipts_due(self._now_ns)

    def changed(self) -> str | None:
        if self._wrong is None and self._store._db.total_changes != self._before:
            self._wrong = "the database was written"
        return self._wrong

    def close(self) -> None:
        if digest(self._store) != self._rows and self._wrong is None:
            raise AssertionError("the database was changed, and nobody saw it")
        self._store.close()


class AtSightings:
    """Statuses are unsigned: they may change what is claimed of a terminal, and nothing that was verified."""

    def __init__(self, world: World, directory: Path) -> None:
        self._store = Store(directory / "ledger.db")
        self._store.register(GATE, TERMINAL.verify_key)
        ledger = self._ledger = Ledger(self._store, LEDGER)
        ledger.accept_batch([(seed.topic, seed.wire) for seed in world.records])
        self._sightings = ClaimRecorder(self._store)
        self._mutator = Mutator(TERMINAL, world.statuses)
        self._rows = digest(self._store)
        self._now_ns = 0

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        plain = [name for name in changes if name in {"bytes_of_it", "envelope_of_it", "spelling", "topic"}]
        return self._mutator.mutant(rng, plain or ["envelope_of_it"])

    def offer(self, batch: Sequence[Seed]) -> None:
        for seed in batch:
            seen = self._sightings.hear(seed.topic, seed.wire)
            if seen is not None:
                self._ledger.sighted(*seen)
        self._now_ns += 10_000_000_000
        self._sightings.flush(self._now_ns)
        self._ledger.receipts_due(self._now_ns)

    def changed(self) -> str | None:
        return None if digest(self._store) == self._rows else "an unsigned status changed what was verified"

    def close(self) -> None:
        self._store.close()


class AtLedgerInside:
    """The forger holds a terminal's key: what it signs is stored or refused by its form, and replaces nothing."""

    def __init__(self, world: World, directory: Path) -> None:
        self._world, self._path = world, directory / "inside.db"
        self._mutator = Mutator(TERMINAL, world.records, insider=True)
        self._wrong: str | None = None

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        return self._mutator.mutant(rng, changes)

    def offer(self, batch: Sequence[Seed]) -> None:
        """Each batch on a ledger of its own."""
        with Store(self._path) as store:
            store.register(GATE, TERMINAL.verify_key)
            ledger = Ledger(store, LEDGER)
            ledger.accept_batch([(seed.topic, seed.wire) for seed in self._world.records])
            ledger.accept_batch([(seed.topic, seed.wire) for seed in batch])
            ledger.receipts_due(0)
            self._wrong = self._wrong or self._judge(store)
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)

    def changed(self) -> str | None:
        return self._wrong

    def close(self) -> None:
        """Nothing is open."""

    def _judge(self, store: Store) -> str | None:
        genuine = [dsse.parse(seed.wire).payload for seed in self._world.records]
        epoch = decode(genuine[0]).position.epoch
        for row in store.chains():
            chain = Chain(GATE, row.epoch, TERMINAL.verify_key)
            kept = [StoredEnvelope(e.seq, e.kind, e.person, e.payload, e.signature) for e in store.entries(row)]
            walk = verify_records([one for one in kept if one.seq <= row.upto], chain, after=START)
            if walk.problem is not None or walk.head != Head(row.upto, row.head):
                return f"what is receipted does not verify: {walk.problem}"
            if any(check(one, chain, None) is not None for one in kept):
                return "what is stored does not verify"
            if row.epoch == epoch and [one.payload for one in kept][: len(genuine)] != genuine:
                return "what was there was replaced"
        return None


def digest(store: Store) -> str:
    """Of every row that rests on a signature, but for when it came."""
    found = hashlib.sha256()
    for table in _TRUSTED:
        for row in store.select(f"SELECT * FROM {table} ORDER BY 1, 2"):
            found.update(repr(row).encode())
    return found.hexdigest()
