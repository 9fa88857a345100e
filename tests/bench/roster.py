"""The roster of a company to all its terminals, through a real broker: the first time, and one change."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.row import Row

PEOPLE, TERMINALS = 1_000, 50
_BOUND_S = 240.0


def roster_sync(directory: Path, people: int = PEOPLE, terminals: int = TERMINALS) -> Iterator[Row]:
    """Measured by a process of its own (`tests.bench.workers.roster_fleet`), with every terminal's real files.

    Three templates of 512 numbers a person. Raises RuntimeError when it fails, subprocess.TimeoutExpired after
    240 s.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.workers.roster_fleet", str(directory), str(people), str(terminals)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        timeout=_BOUND_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError("the roster's benchmark failed; its error is above")
    found = json.loads(done.stdout)
    everyone = f"{people:,} people to {terminals} terminals"
    yield Row(f"{everyone}: all complete", round(found["sync_s"], 1), "s, all on this machine")
    yield Row("entries taken in by all of them", round(people * terminals / found["sync_s"]), "/s")
    yield Row("encrypted and signed by the centre", round(people / found["compose_s"]), "people/s")
    yield Row("the roster to one terminal", round(found["terminal_bytes"] / 1e6, 2), "MB at each start")
    yield Row(
        "one person changed", round(found["change_bytes"] / 1e3, 1), "kB to each terminal", "the whole roster",
        round(found["change_bytes"] / found["terminal_bytes"], 4),
    )  # fmt: skip
    yield Row("… until the last terminal has it", round(found["change_s"], 2), "s")
