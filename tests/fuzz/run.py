"""The run: hypothesis chooses who is tried with which changes, fifty mutants each, until there were enough."""

import contextlib
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import genuine
from tests.fuzz.at_exports import AtExports
from tests.fuzz.at_ledger import AtLedger, AtLedgerInside, AtSightings
from tests.fuzz.at_roster import AtRoster
from tests.fuzz.at_terminal import AtTerminal, AtTerminalInside
from tests.fuzz.genuine import Seed, World
from tests.fuzz.mutants import CHANGES
from tests.fuzz.reader import Reader

MUTANTS = 50
"""Of one example."""
EXAMPLES = 100
"""Of one hypothesis run: it remembers all of them, and its memory must not be taken for the readers'."""
MAX_FINDINGS = 20
_WARM_UP = 0.1
_TELL_S = 10.0
_MEMORY = Path("/dev/shm")
"""Files that need not survive anything: what a sync costs is not what is asked here."""

Make = Callable[[World, Path], Reader]
READERS: dict[str, tuple[int, Make]] = {
    "records": (40, AtLedger),
    "receipts": (27, lambda world, path: AtTerminal(world, path, world.receipts)),
    "commands": (10, lambda world, path: AtTerminal(world, path, world.commands)),
    "exports": (10, AtExports),
    "rosters": (5, AtRoster),
    "statuses": (5, AtSightings),
    "records-inside": (3, AtLedgerInside),
    "receipts-inside": (3, lambda world, path: AtTerminalInside(world, path, world.receipts)),
    "commands-inside": (2, lambda world, path: AtTerminalInside(world, path, world.commands)),
}
"""(weight, how it is made)."""


@dataclass(slots=True)
class Findings:
    """What the run found."""

    cases: int = 0
    crashes: int = 0
    changed: int = 0
    by_reader: dict[str, int] = field(default_factory=dict)
    rss_growth_mb: float = 0.0

    @property
    def full(self) -> bool:
        """Enough was found."""
        return self.crashes + self.changed >= MAX_FINDINGS


class Fuzzer:
    """One run in one process."""

    def __init__(self, cases: int, seed_: int, kept: Path) -> None:
        """`kept` takes the mutants that something was found with."""
        self.found = Findings()
        self._cases, self._seed, self._kept = cases, seed_, kept
        self._readers: dict[str, Reader] = {}
        self._rss_before: float | None = None
        self._told = time.monotonic()

    def run(self) -> Findings:
        """Until there were enough cases, or enough findings."""
        base = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        with TemporaryDirectory(prefix="smartclocker-fuzz-", dir=base) as directory:
            self._root = Path(directory)
            self._world = genuine.make(self._root)
            with contextlib.ExitStack() as stack:
                stack.callback(self._close)
                number = 0
                while self.found.cases < self._cases and not self.found.full:
                    self._examples(number)
                    number += 1
                    self._measure()
        return self.found

    def _examples(self, number: int) -> None:
        names = [name for name, (weight, _) in READERS.items() for _ in range(weight)]

        @seed(f"{self._seed}/{number}")
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.sampled_from(names),
            st.integers(0, 2**64 - 1),
            st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3),
        )
        def example(name: str, start: int, changes: list[str]) -> None:
            if self.found.cases < self._cases and not self.found.full:
                self._try(name, start, changes)

        example()

    def _try(self, name: str, start: int, changes: Sequence[str]) -> None:
        reader = self._reader(name)
        # hypothesis likes to repeat its simplest examples: the count of cases makes each mutant another one
        rng = Random(f"{self._seed}/{self.found.cases}/{start}")
        chosen = [changes if number % 2 else _changes(rng) for number in range(MUTANTS)]
        batch = [reader.mutant(rng, few) for few in chosen[: self._cases - self.found.cases]]
        self.found.cases += len(batch)
        self.found.by_reader[name] = self.found.by_reader.get(name, 0) + len(batch)
        if self._fault(reader, batch) is not None:
            self._blame(name, batch)

    def _fault(self, reader: Reader, batch: Sequence[Seed]) -> tuple[str, str] | None:
        try:
            reader.offer(batch)
            what = reader.changed()
        except Exception:  # noqa: BLE001 - what is documented was caught: everything else is what we look for
            return "crash", traceback.format_exc()
        return None if what is None else ("changed", what)

    def _blame(self, name: str, batch: Sequence[Seed]) -> None:
        """Find the one of the batch, each with a reader of its own."""
        blamed = False
        for mutant in batch:
            self._forget(name)
            fault = self._fault(self._reader(name), [mutant])
            if fault is None:
                continue
            blamed = True
            self._keep(name, mutant, *fault)
            if self.found.full:
                break
        if not blamed:
            self._keep(
                name, Seed("(several)", b"\n".join(one.wire for one in batch)), "changed", "by several together"
            )
        self._forget(name)

    def _keep(self, name: str, mutant: Seed, kind: str, what: str) -> None:
        self.found.crashes += kind == "crash"
        self.found.changed += kind == "changed"
        self._kept.mkdir(parents=True, exist_ok=True)
        path = self._kept / f"{self.found.crashes + self.found.changed:03d}-{name}"
        path.write_bytes(mutant.wire)
        print(f"{kind} ({name}, topic {mutant.topic!r}, bytes in {path}): {what}", file=sys.stderr, flush=True)

    def _reader(self, name: str) -> Reader:
        if name not in self._readers:
            directory = Path(self._root, f"{name}-{len(list(self._root.iterdir()))}")
            directory.mkdir()
            self._readers[name] = READERS[name][1](self._world, directory)
        return self._readers[name]

    def _forget(self, name: str) -> None:
        reader = self._readers.pop(name, None)
        if reader is not None:
            with contextlib.suppress(Exception):
                reader.close()

    def _close(self) -> None:
        for reader in self._readers.values():
            reader.close()

    def _measure(self) -> None:
        """Memory after each hypothesis run, against what it was once everything had run a while."""
        now = rss_mb()
        if self._rss_before is None and self.found.cases >= _WARM_UP * self._cases:
            self._rss_before = now
        if self._rss_before is not None:
            self.found.rss_growth_mb = max(self.found.rss_growth_mb, round(now - self._rss_before, 1))
        if time.monotonic() - self._told >= _TELL_S:
            self._told = time.monotonic()
            print(f"{self.found.cases}/{self._cases} cases, {now:.0f} MB", file=sys.stderr, flush=True)


def _changes(rng: Random) -> list[str]:
    """One alone mostly: several at once seldom get past the first check."""
    return rng.choices(CHANGES, k=rng.choice((1, 1, 1, 2, 2, 3)))


def rss_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb() -> float:
    """The most that was ever resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
