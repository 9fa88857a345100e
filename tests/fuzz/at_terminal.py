"""The terminal's publisher: mutated receipts and commands."""

import shutil
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from random import Random

from edge.journal.journal import Journal
from edge.journal.verify import verify_file
from edge.ports import Message, UplinkEvent
from edge.terminal.uplink.publisher import Publisher
from tests.fuzz.genuine import GATE, KEYS, LEDGER, TERMINAL, Seed, World
from tests.fuzz.mutants import Mutator
from tests.support.clock import HandClock


class Pipe:
    """An uplink that is away, and hands over what the fuzzer puts in."""

    def __init__(self) -> None:
        self.events: deque[UplinkEvent] = deque()

    def start(self) -> None: ...

    def publish(self, topic: str, payload: bytes, *, token: int, retain: bool = False) -> bool:
        return False

    def next_event(self, timeout_s: float) -> UplinkEvent | None:
        return self.events.popleft() if self.events else None

    def handled(self) -> None:
        """Nothing waits."""

    def renew(self) -> bool:
        return False

    def refresh(self) -> bool:
        return False

    def wake(self) -> None: ...

    def stop(self) -> None: ...


class _Terminal:
    """A publisher on a copy of the genuine journal."""

    def __init__(self, world: World, path: Path) -> None:
        shutil.copyfile(world.journal, path)
        self.path, self.pipe = path, Pipe()
        keys = {keyid: key for keyid, key in KEYS.items() if key == LEDGER.verify_key}
        self.publisher = Publisher(self.pipe, lambda: Journal(path, GATE, TERMINAL), GATE, keys, HandClock())
        self.publisher.open()

    def take(self, batch: Sequence[Seed]) -> None:
        self.pipe.events.extend(Message(seed.topic, seed.wire) for seed in batch)
        while self.pipe.events:
            self.publisher.run_once(0)

    def close(self) -> None:
        self.publisher.close()


class AtTerminal:
    """Everything genuine was taken already: a repetition changes nothing, and a mutant has to."""

    def __init__(self, world: World, directory: Path, seeds: tuple[Seed, ...]) -> None:
        self._terminal = _Terminal(world, directory / "journal.db")
        self._mutator = Mutator(LEDGER, seeds)
        self._before = self._state()

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        return self._mutator.mutant(rng, changes)

    def offer(self, batch: Sequence[Seed]) -> None:
        self._terminal.take(batch)

    def changed(self) -> str | None:
        now = self._state()
        return None if now == self._before else f"(writes, watermark, head, alarms, taken) {self._before} -> {now}"

    def close(self) -> None:
        self._terminal.close()

    def _state(self) -> tuple[object, ...]:
        publisher = self._terminal.publisher
        journal, counters = publisher._journal, publisher.counters
        return journal._db.total_changes, journal.watermark(), journal.head(), publisher.alarms, counters.commands


class AtTerminalInside:
    """The forger holds the ledger's key: it may release what it names rightly, and break nothing."""

    def __init__(self, world: World, directory: Path, seeds: tuple[Seed, ...]) -> None:
        self._world, self._path = world, directory / "inside.db"
        self._mutator = Mutator(LEDGER, seeds, insider=True)
        self._wrong: str | None = None

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        return self._mutator.mutant(rng, changes)

    def offer(self, batch: Sequence[Seed]) -> None:
        """Each batch at a terminal of its own."""
        terminal = _Terminal(self._world, self._path)
        try:
            terminal.take(batch)
        finally:
            terminal.close()
        problem = verify_file(self._path, KEYS).problem
        if problem is not None:
            self._wrong = f"the journal does not verify any more, record {problem.seq}: {problem.what}"
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)

    def changed(self) -> str | None:
        return self._wrong

    def close(self) -> None:
        """Nothing is open."""
