"""Exports that were changed on the stick: verified by anybody, imported by the centre."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

from edge.central.ledger.importer import Importer
from edge.central.ledger.intake import Outcome
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.errors import ExportRefused, RecordError, TransferError
from edge.journal.verify_export import verify_export
from tests.fuzz import bytewise, jsonwise
from tests.fuzz.genuine import GATE, KEYS, LEDGER, OTHER, OTHER_GATE, TERMINAL, Seed, World
from tests.fuzz.mutants import CHANGES, Mutator, loaded


class AtExports:
    """Every genuine record is in the ledger already."""

    def __init__(self, world: World, directory: Path) -> None:
        self._path = directory / "mutant.scx"
        self._files = world.exports
        self._store = Store(directory / "ledger.db")
        self._store.register(GATE, TERMINAL.verify_key)
        self._store.register(OTHER_GATE, OTHER.verify_key)
        self._importer = Importer(self._store, LEDGER)
        self._importer.ledger.accept_batch([(seed.topic, seed.wire) for seed in world.records])
        self._importer.receipts(0)
        self._before = self._store._db.total_changes
        self._wrong: str | None = None
        self._now_ns = 0

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        raw = rng.choice(self._files)
        for _ in changes:
            if raw.count(b"\n") < 3 or rng.random() < 0.4:
                raw = rng.choice(bytewise.ALL)(rng, raw, self._files)
            else:
                raw = _linewise(rng, raw)
        return Seed("", raw)

    def offer(self, batch: Sequence[Seed]) -> None:
        for seed in batch:
            self._path.write_bytes(seed.wire)
            self._verify(seed.wire)
            self._import()

    def changed(self) -> str | None:
        if self._wrong is None and self._store._db.total_changes != self._before:
            self._wrong = "the database was written"
        return self._wrong

    def close(self) -> None:
        self._store.close()

    def _verify(self, raw: bytes) -> None:
        try:
            report = verify_export(self._path, KEYS)
        except (TransferError, ExportRefused):
            return
        if report.ok and not any(_same(raw, genuine) for genuine in self._files):
            self._wrong = "a changed file is called whole"

    def _import(self) -> None:
        report = self._importer.take(self._path)
        self._now_ns += 1_000_000_000
        self._importer.receipts(self._now_ns)
        if report.outcomes[Outcome.STORED] or report.outcomes[Outcome.CONFLICT]:
            self._wrong = f"imported {dict(report.outcomes)}, and nobody genuine wrote it"


def _linewise(rng: Random, raw: bytes) -> bytes:
    """A line less, twice, elsewhere, changed as JSON, or as an envelope."""
    lines = raw.split(b"\n")
    at = rng.randrange(len(lines))
    draw = rng.random()
    if draw < 0.2:
        del lines[at]
    elif draw < 0.3:
        lines.insert(rng.randrange(len(lines)), lines[at])
    elif draw < 0.4:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif draw < 0.6:
        lines[at] = jsonwise.written(rng, jsonwise.edited(rng, loaded(lines[at])))
    else:
        envelopes = tuple(Seed("", line) for line in lines[1:] if line)
        if envelopes:
            mutator = Mutator(rng.choice((TERMINAL, LEDGER)), envelopes)
            change = rng.choice([name for name in CHANGES if name != "topic"])
            lines[at] = getattr(mutator, change)(rng, Seed("", lines[at])).wire
    return b"\n".join(lines)


def _same(raw: bytes, genuine: bytes) -> bool:
    """Byte for byte, but for how the manifest's line is spelt, which nothing covers."""
    ours, theirs = (whole.removesuffix(b"\n").rsplit(b"\n", 1) for whole in (raw, genuine))
    if ours[0] != theirs[0] or len(ours) != len(theirs):
        return False
    try:
        return dsse.parse(ours[-1]) == dsse.parse(theirs[-1])
    except RecordError:
        return False
