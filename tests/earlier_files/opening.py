"""The SQLite files of the earlier program by name: where each lies, and how today's program opens it."""

import contextlib
import hashlib
import sqlite3
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.central.authority import register_schema
from edge.central.authority.register import OrderRegister
from edge.central.roster import schema as centre_roster_schema
from edge.central.roster.store import RosterStore
from edge.central.store.records import Store
from edge.crypto.key_files import load_identity, load_secret
from edge.domain.protocol.record import Origin
from edge.domain.time.evidence import TimeEvidence
from edge.evidence_images import schema as evidence_schema
from edge.evidence_images.store import EvidenceStore
from edge.journal import schema as journal_schema
from edge.journal.journal import Journal
from edge.people import schema as people_schema
from edge.people.people_store import People
from edge.people.roster import state
from edge.people.roster.state import RosterState
from edge.storage.sqlite_file import SqliteFile

ARCHIVE = Path(__file__).with_name("files.tar.xz")
"""Written by `make.py`, with the program of commit 33251dc."""
KEYS = "keys-made-for-this-test"
ORIGIN = Origin("main", "gate-1")
AT = TimeEvidence("2026-11-27T13:00:00.000Z", 60, "Europe/Berlin", "c" * 36, 1_000, True)
EARLIER_VERSION = {
    "journal": 2, "people": 6, "roster state": 1, "evidence images": 1, "order register": 1, "ledger": 2,
    "centre's roster": 1, "centre's people": 6,
}  # fmt: skip
"""The `user_version` of each as the earlier program wrote it."""


def extract(directory: Path) -> Path:
    """All files of the earlier program, in a new directory."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(directory, filter="data")
    return directory


@dataclass(frozen=True)
class EarlierFile:
    """One kind of SQLite file."""

    path: str
    """Beneath the directory of `extract`."""
    open: Callable[[Path], Any]
    """Opens it with today's program, given that directory; what it returns is closed."""
    kind: SqliteFile | None
    """As today's program describes it; None for the ledger, whose store keeps it."""


def _journal(root: Path) -> Journal:
    return Journal(root / "terminal/state/journal.db", ORIGIN, load_identity(root / "terminal" / KEYS / "identity"))


def _people(root: Path) -> People:
    return People(root / "terminal/state/people.db", load_secret(root / "terminal" / KEYS / "storage"))


FILES = {
    "journal": EarlierFile("terminal/state/journal.db", _journal, journal_schema.JOURNAL),
    "people": EarlierFile("terminal/state/people.db", _people, people_schema.PEOPLE),
    "roster state": EarlierFile(
        "terminal/state/roster.db",
        lambda root: RosterState(root / "terminal/state/roster.db", mend=False),
        state.RECEIVED,
    ),
    "evidence images": EarlierFile(
        "terminal/state/evidence.db",
        lambda root: EvidenceStore(root / "terminal/state/evidence.db", AT),
        evidence_schema.STORE,
    ),
    "order register": EarlierFile(
        "central/authority.db", lambda root: OrderRegister(root / "central/authority.db"), register_schema.REGISTRY
    ),
    "ledger": EarlierFile("central/ledger.db", lambda root: Store(root / "central/ledger.db"), None),
    "centre's roster": EarlierFile(
        "central/roster.db", lambda root: RosterStore(root / "central"), centre_roster_schema.ROSTER
    ),
    "centre's people": EarlierFile(
        "central/roster-people.db", lambda root: RosterStore(root / "central"), people_schema.PEOPLE
    ),
}


def version(path: Path) -> int:
    """The `user_version` of a file."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def tables(path: Path) -> dict[str, tuple[tuple[str, ...], set[tuple[Any, ...]]]]:
    """By table: its columns and all of its rows. Left out: `passage`, which each use of the store changes."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        db.text_factory = bytes
        names = [
            name.decode()
            for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'passage'")
        ]
        found = {}
        for name in names:
            columns = tuple(row[1].decode() for row in db.execute(f"PRAGMA table_info({name})"))
            found[name] = columns, set(db.execute(f"SELECT * FROM {name}"))
        return found


def lost(before: Path, after: Path) -> list[str]:
    """What of the tables, columns and rows of the first file is not in the second."""
    missing, now = [], tables(after)
    for name, (columns, rows) in tables(before).items():
        if name not in now:
            missing.append(name)
            continue
        there, kept = now[name]
        absent = [column for column in columns if column not in there]
        missing += [f"{name}.{column}" for column in absent]
        if not absent:
            places = [there.index(column) for column in columns]
            gone = rows - {tuple(row[place] for place in places) for row in kept}
            missing += [f"{name}: a row of {len(rows)}" for _ in gone]
    return missing


def digests(directory: Path) -> dict[str, str]:
    """The hash of every file beneath a directory, by its path there."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix != ".reserve"
    }
