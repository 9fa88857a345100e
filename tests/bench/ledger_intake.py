"""How fast the ledger takes records with every check, on one core, and what its size costs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.row import Row

RECORDS, ROWS = 20_000, 200_000
"""Measured into an empty ledger, and into one that holds ten times as many before."""
_BOUND_S = 110.0


def ledger_ingest(directory: Path, records: int = RECORDS, rows: int = ROWS) -> Iterator[Row]:
    """Four figures, measured in turn by a process of its own (`tests.bench.workers.ledger_intake`) with real files.

    Raises RuntimeError when it fails, subprocess.TimeoutExpired after 110 s.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.workers.ledger_intake", str(directory), str(records), str(rows)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        timeout=_BOUND_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError("the ledger's benchmark failed; its error is above")
    rate = json.loads(done.stdout)
    empty, full, floor = rate["empty"], rate["full"], rate["floor"]
    yield Row("PyNaCl verify alone, the floor of ledger ingest", round(floor), "signatures/s, 1 core")
    yield Row(
        "ledger ingest, empty table", round(empty), "records/s, 1 core", "PyNaCl verify alone",
        round(empty / floor, 2), "≥ 5000", empty >= 5_000,
    )  # fmt: skip
    yield Row(
        "… of processor time alone, without waiting for the disk",
        round(rate["empty_cpu"]),
        "records/s, 1 core",
        "PyNaCl verify alone",
        round(rate["empty_cpu"] / rate["floor_cpu"], 2),
    )
    yield Row(
        f"ledger ingest, {rate['rows_before']:,} rows before", round(full), "records/s, 1 core", "empty table",
        round(full / empty, 2), "≥ 0.9 ×", full >= 0.9 * empty,
    )  # fmt: skip
