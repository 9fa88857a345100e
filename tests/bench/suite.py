"""Speed and memory, each against an aim or a floor of the same run. Figures, not verdicts: no test is here."""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from edge.adapters.linux.clock import SystemClock
from edge.crypto import key_files
from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.journal.journal import Journal
from tests.bench import drain, frames, ledger_intake, peer_comparison, roster, terminal
from tests.bench.row import Row

_APPENDS = 300


def journal_append(directory: Path) -> Iterator[Row]:
    """A signed, chained, durable append against one write and fdatasync of the same bytes beside it."""
    clock = SystemClock()
    punch = {
        "person": "a" * 26,
        "direction": "in",
        "direction_source": "alternated",
        "method": "face",
        "quality": "high",
        "liveness": "high",
        "models": ["a", "b", "c", "d"],
    }
    journal = Journal(
        directory / "journal.db", Origin("bench", "bench"), key_files.create_identity(directory / "key")
    )
    size = len(journal.append(Draft(Kind.PUNCH, punch, clock.evidence())).payload)
    block = b"x" * size
    descriptor = os.open(directory / "floor", os.O_CREAT | os.O_WRONLY, 0o600)

    def write() -> None:
        os.write(descriptor, block)
        os.fdatasync(descriptor)

    def append() -> None:
        journal.append(Draft(Kind.PUNCH, punch, clock.evidence()))

    try:
        ours, floor = _interleaved(append, write, _APPENDS)
    finally:
        os.close(descriptor)
        journal.close()
    ratio = ours / floor
    yield Row(
        "journal append, p50", round(ours, 3), "ms", "write + fdatasync", round(ratio, 2), "≤ 1.5 ×", ratio <= 1.5
    )
    # Signing, JSON and SQLite cost the same on any disk: where a sync takes longer, the ratio is nearer to 1.
    yield Row("journal append beyond its floor, p50", round(ours - floor, 3), "ms of processor")


def run(progress: Callable[[str], None]) -> list[Row]:
    """Every benchmark; `progress` hears what is being measured."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="smartclocker-bench-") as name:

        def peers(base: str) -> Iterator[Row]:
            return peer_comparison.beside_others(_folder(base, "peers"), progress)

        benchmarks: list[tuple[str, Callable[[], Iterator[Row]]]] = [
            (
                "the terminal's start and loads",
                lambda: terminal.terminal_rows(_folder(name, "terminal")),
            ),
            ("the journal's append", lambda: journal_append(_folder(name, "journal"))),
            ("a frame's way", frames.frame_to_probe),
            ("the same beside others (a minute; more when they are installed first)", lambda: peers(name)),
            ("the ledger's intake (a minute)", lambda: ledger_intake.ledger_ingest(_folder(name, "ingest"))),
            ("a backlog's way to receipts (some minutes)", lambda: drain.drain(_folder(name, "drain"))),
            ("a company's roster (a minute)", lambda: roster.roster_sync(_folder(name, "roster"))),
        ]
        for title, measure in benchmarks:
            progress(title)
            rows += measure()
    return rows


def write(rows: list[Row], path: Path) -> None:
    """`build/bench.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _folder(base: str, name: str) -> Path:
    path = Path(base, name)
    path.mkdir()
    return path


def _interleaved(ours: Callable[[], object], floor: Callable[[], object], count: int) -> tuple[float, float]:
    """Medians in ms of two acts done in turn, so that both meet the same disk."""
    pairs = [(_timed_ms(ours), _timed_ms(floor)) for _ in range(count)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def _timed_ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000
