"""The evidence store as a file: its tables, how it is made, and how it is deleted."""

from collections.abc import Sequence
from dataclasses import astuple
from glob import escape
from pathlib import Path

from edge.domain.privacy import image_retention
from edge.domain.time.evidence import TimeEvidence
from edge.errors import EvidenceDamaged, EvidenceError
from edge.storage.durable_file import sync_directory
from edge.storage.sqlite_file import SqliteFile

NAME = "evidence.db"
"""File name in the state directory."""
COPY_SUFFIX = ".stills"
"""Copies that were handed out and wait in a folder of the state directory; they are deleted with their images."""
STORE = SqliteFile(
    noun="evidence store",
    application_id=0x53434531,  # 'SCE1'
    version=1,
    error=EvidenceError,
    mend="it is damaged, and will be deleted: nobody could delete single images from it on their day",
    damaged=EvidenceDamaged,
)
_TABLES = """
CREATE TABLE stills (
    n INTEGER PRIMARY KEY,
    record TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    utc TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boottime_ms INTEGER NOT NULL,
    synchronised INTEGER NOT NULL,
    total_ms INTEGER NOT NULL,
    life INTEGER NOT NULL,
    size INTEGER NOT NULL,
    pages INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX stills_by_person ON stills (person);
CREATE INDEX stills_by_age ON stills (total_ms, life);
CREATE INDEX stills_by_size ON stills (size, pages);
CREATE TABLE copies (
    name TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    total_ms INTEGER NOT NULL,
    life INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE passage (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    total_ms INTEGER NOT NULL,
    run_ms INTEGER NOT NULL,
    life INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    boottime_ms INTEGER NOT NULL,
    utc_ms INTEGER NOT NULL,
    base_ms INTEGER,
    anchor_ms INTEGER,
    gap_ms INTEGER NOT NULL,
    proven INTEGER NOT NULL,
    unproven_ms INTEGER NOT NULL,
    since_life INTEGER NOT NULL
) STRICT;
"""


def create(path: Path, now: TimeEvidence) -> None:
    """Make an empty store, whose clock starts now. Raises EvidenceError."""
    row = astuple(image_retention.begin(now))
    marks = ", ".join("?" * len(row))
    STORE.create(path, _TABLES, lambda db: db.execute(f"INSERT INTO passage VALUES (1, {marks})", row))  # noqa: S608


def destroy(path: Path) -> None:
    """Delete the store and every copy that waits beneath its directory. Raises EvidenceError."""
    try:
        for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
            file.unlink(missing_ok=True)
        _drop_copies(path)
        sync_directory(path.parent)
    except OSError as error:
        raise EvidenceError(
            f"{path}: cannot be deleted ({error.strerror}); make the file and its directory writable by this user"
        ) from error


def drop_orphans(path: Path) -> None:
    """Delete every copy: without a store nothing says when a copy expires. Raises EvidenceError."""
    try:
        _drop_copies(path)
    except OSError as error:
        raise EvidenceError(
            f"{path.parent}: a copy of images cannot be deleted ({error.strerror}); make it writable by this user"
        ) from error


def _drop_copies(path: Path) -> None:
    """The same for half-written copies; see `edge.terminal.subject_access.report.keep`."""
    for copy in path.parent.glob(f"*/*{COPY_SUFFIX}*"):
        copy.unlink(missing_ok=True)


def copies_beneath(directory: Path) -> set[str]:
    """The name beneath the state directory of every copy that is there, also of one that was half written."""
    ends = len(COPY_SUFFIX)
    names = [str(path.relative_to(directory)) for path in directory.glob(f"*/*{COPY_SUFFIX}*")]
    return {name[: name.rindex(COPY_SUFFIX) + ends] for name in names}


def unlink_copies(directory: Path, names: Sequence[str]) -> None:
    """Delete copies by their names beneath the state directory, half-written ones too. Raises EvidenceError."""
    try:
        for name in names:
            path = directory / name
            for file in (path, *path.parent.glob(f"{escape(path.name)}*.part")):
                file.unlink(missing_ok=True)
            if path.parent.exists():
                sync_directory(path.parent)
    except OSError as error:
        raise EvidenceError(
            f"{directory}: a copy of images cannot be deleted ({error.strerror}); make it writable by this user"
        ) from error
