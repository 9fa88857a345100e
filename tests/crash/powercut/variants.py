"""What is recorded: the same terminal under different work, and on what an earlier misfortune left."""

import contextlib
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.config import load
from edge.crypto.key_files import create_identity, load_identity
from edge.journal import wal_check
from edge.sandbox import write_terminal
from tests.crash.powercut.workload import Life

PHOTOS = Path(__file__).resolve().parents[2] / "photos"
_BEFORE = range(5_001, 5_021)
"""The numbers of the punches that were there before the recorded run."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One run to record."""

    plan: str
    """Of `workload`; "" for the daemon itself."""
    share: int
    """Of all states, relative to the others'."""
    prepare: Callable[[Path], None] | None = None
    """Makes the files that the run finds; given the terminal's state directory."""
    set_aside: bool = False
    """Whether the run must put an unusable journal away."""


def lay_out(directory: Path, variant: Variant, replay: Path | None = None) -> Path:
    """Make the terminal and its ledger's key in `directory`; the configuration file."""
    directory.mkdir(parents=True)
    config = write_terminal(directory / "terminal", replay or PHOTOS, window_s=1.0)
    create_identity(directory / "ledger")
    # The smallest journal that may be configured: its reserve is copied with every state.
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r"max_bytes = \d+", "max_bytes = 8_000_000", text), encoding="utf-8")
    if variant.prepare is not None:
        variant.prepare(directory / "terminal" / "state")
    return config


def _journal_before(state: Path) -> tuple[Path, bytes, bytes]:
    """A journal with some records and a write-ahead file; its path, and both files before it was closed."""
    config = load(state.parent / "config.toml").config
    journal = state / "journal.db"
    ledger = load_identity(state.parent.parent / "ledger")
    with contextlib.closing(Life(config, ledger, "none", aloud=False)) as life:
        for number in _BEFORE:
            life.punch(number)
        return journal, journal.read_bytes(), wal_check.wal_path(journal).read_bytes()


def _torn(state: Path) -> None:
    """As a first power cut left it: the last transaction is torn."""
    journal, main, log = _journal_before(state)
    journal.write_bytes(main)
    torn = bytearray(log)
    torn[-3_000:-2_488] = bytes(512)
    wal_check.wal_path(journal).write_bytes(torn)


def _old_format(state: Path) -> None:
    """As version 1 of the tables left it."""
    journal, _, _ = _journal_before(state)
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as db:
        db.execute("DROP TABLE commands")
        db.execute("PRAGMA user_version = 1")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _damaged(state: Path) -> None:
    """The file's first page is gone."""
    journal, _, _ = _journal_before(state)
    journal.write_bytes(bytes(4096) + journal.read_bytes()[4096:])


def _altered(state: Path) -> None:
    """Somebody changed a committed record in the write-ahead file."""
    journal, main, log = _journal_before(state)
    journal.write_bytes(main)
    altered = bytearray(log)
    altered[len(log) // 2] ^= 1
    wal_check.wal_path(journal).write_bytes(altered)


def _missing(state: Path) -> None:
    """The journal is gone, its write-ahead file is there."""
    journal, _, log = _journal_before(state)
    journal.unlink()
    wal_check.wal_path(journal).write_bytes(log)


VARIANTS = {
    "steady": Variant("steady", 18),
    "busy": Variant("busy", 30),
    "tight": Variant("tight", 12),
    "lives": Variant("lives", 12),
    "again": Variant("short", 8, _torn),
    "old-format": Variant("short", 4, _old_format),
    "damaged": Variant("short", 4, _damaged, set_aside=True),
    "altered": Variant("short", 4, _altered, set_aside=True),
    "missing": Variant("short", 4, _missing, set_aside=True),
    "daemon": Variant("", 4),
}
SABOTAGED = ("tight", "busy", "lives")
"""Where sabotage is done: in the workload's own process."""
