"""Setting aside a journal that cannot be used: all of its files are moved, and a new epoch begins whose first
record, a `gap`, tells of it.

Nothing is deleted. After a power cut at any step, the next start finishes the work::

    gap.json written, synced ──► every name linked into the folder, synced ──► the old names removed, synced
        ──► the new journal appears with the gap as its record 1 ──► gap.json becomes report.json

`edge.journal.diagnosis` tells what is wrong with a journal. `smartclocker journal recover` reads the journal in the
folder.
"""

import contextlib
import json
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from nacl.signing import SigningKey

from edge.domain.protocol.document import fits
from edge.domain.protocol.record import MAX_PAYLOAD, Draft, Origin, decode
from edge.domain.protocol.record_kinds import FIELDS, SHAPES, GapCause, Kind
from edge.domain.time.evidence import TimeEvidence
from edge.errors import JournalError
from edge.journal import last_seen, schema, wal_check
from edge.journal.diagnosis import FOLDER, unsuspect, what_is_wrong
from edge.journal.last_seen import Seen
from edge.journal.recovery import newest
from edge.journal.schema import JOURNAL
from edge.storage import durable_file
from edge.storage.bounded_read import read_file
from edge.storage.durable_file import sync_directory

_ENDS = ("", "-wal", "-shm")
_PENDING, _REPORT = "gap.json", "report.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gap:
    """The fields of a `gap` record."""

    previous_epoch: str | None
    previous_head: int
    receipted: int
    cause: GapCause
    quarantine: str


def ensure_usable(
    path: Path,
    origin: Origin,
    key: SigningKey,
    evidence: Callable[[], TimeEvidence],
    lived: Callable[[], bool] = lambda: False,
    slow: Callable[[], object] = lambda: None,
) -> Path | None:
    """Make sure that a journal can be opened at `path`; returns the folder to which an unusable one was moved, or
    None.

    A journal that is damaged, altered, set back or gone is set aside. A journal that is only out of reach (rights,
    a full disk, a newer format) or that belongs to another terminal is not touched: then JournalError is raised
    with the cure. `lived` tells whether other files show that this is not a first boot. `slow` is called before the
    whole journal is read, which may take minutes.
    """
    JOURNAL.clear(path)
    unfinished: list[Path] = []
    with contextlib.suppress(PermissionError):  # opening the journal will raise this with the cure
        unfinished = [note.parent for note in path.parent.glob(f"{FOLDER}/*/{_PENDING}")]
    seen = last_seen.read(path)
    for folder in sorted(unfinished):
        wrong = partial(what_is_wrong, path, origin, key, seen, lived, slow)
        if not _is_over(path, folder, wrong, lambda: _last_words(path, key, seen)[0]):
            return _finish(path, origin, key, evidence, folder)
        _close(folder)
    cause = what_is_wrong(path, origin, key, seen, lived, slow)
    if cause is None:
        return None
    slow()
    folder = _begin(path, cause, evidence(), key, seen)
    return _finish(path, origin, key, evidence, folder)


def _begin(path: Path, cause: GapCause, now: TimeEvidence, key: SigningKey, seen: Seen | None) -> Path:
    epoch, head, receipted = _last_words(path, key, seen)
    stem = "".join(filter(str.isdigit, now.utc[:19])) + "-" + (epoch or "unknown")[:8]
    base = path.parent / FOLDER
    try:
        if os.path.lexists(base) and not base.is_dir():
            # something else has this name, a file or a broken link; it must not keep the terminal from starting
            base.rename(base.with_name(f"{FOLDER}.{secrets.token_hex(4)}.was-there"))
        base.mkdir(mode=0o700, exist_ok=True)
        number = sum(1 for _ in base.iterdir()) + 1
        folder = base / f"{stem}-{number}"
        folder.mkdir(mode=0o700)
        gap = Gap(epoch, head, receipted, cause, folder.name)
        durable_file.replace(folder / _PENDING, json.dumps(asdict(gap)).encode("ascii"), JournalError)
        for directory in (base, path.parent):
            sync_directory(directory)
    except OSError as error:
        if isinstance(error, JournalError):
            raise
        raise JournalError(
            f"{path}: must be set aside, and that failed ({error.strerror}); free some space on the disk and make "
            "its directory writable by this user"
        ) from error
    return folder


def _finish(
    path: Path, origin: Origin, key: SigningKey, evidence: Callable[[], TimeEvidence], folder: Path
) -> Path:
    """Finish setting aside, from whichever step was reached: each step can be repeated."""
    try:
        gap = _read_note(folder)
        if not _is_begun(path, gap):
            _move(path, folder)
            schema.create(path, origin, key, Draft(Kind.GAP, {**asdict(gap), "cause": str(gap.cause)}, evidence()))
        _forget(path)
        unsuspect(path)
        (folder / _PENDING).rename(folder / _REPORT)
        sync_directory(folder)
    except (OSError, ValueError) as error:
        if isinstance(error, JournalError):
            raise
        raise JournalError(
            f"{folder}: a journal is being set aside there, and that failed ({error}); free some space on the "
            f"disk, and make {path.parent} writable by this user"
        ) from error
    if gap.cause == GapCause.MISSING:  # a note that was read from JSON has the plain string
        _log.critical(
            "the journal was missing, and a new epoch has begun; %s has the report. Look for the file: when it is "
            "found, run `smartclocker journal recover` on it, and give the centre what that finds",
            folder,
        )
    else:
        _log.critical(
            "the journal was %s. It lies whole in %s, and a new epoch has begun: run `smartclocker journal "
            "recover`, and give the centre what it finds",
            gap.cause,
            folder,
        )
    return folder


def _is_over(
    path: Path, folder: Path, wrong: Callable[[], GapCause | None], epoch: Callable[[], str | None]
) -> bool:
    """Whether a note is outdated, for example because its folder was restored from a copy, or was made by somebody
    else.

    The journal at `path` is then not the one that the note is about, and stays there. That is so when nothing is
    `wrong` with it, when it is of another `epoch`, or when the note names no epoch and the folder has a journal
    already. Raises JournalError.
    """
    told = _read_note(folder)
    if not JOURNAL.present(path) or _is_begun(path, told):
        return False
    moved = folder / path.name
    if moved.exists() and moved.samefile(path):
        return False
    if wrong() is None:
        return True
    return moved.exists() if told.previous_epoch is None else told.previous_epoch != epoch()


def _close(folder: Path) -> None:
    """Rename a note that is outdated. Where that fails, the next start looks at it again."""
    _log.warning(
        "%s: this note is outdated, and is ignored: the journal in use is not the one that it is about",
        folder / _PENDING,
    )
    with contextlib.suppress(OSError):
        (folder / _PENDING).rename(folder / f"gap.{secrets.token_hex(4)}.old")


def _forget(path: Path) -> None:
    """Remove the note of the earlier journal's last record: the `gap` has it now, and the user of the new journal
    makes a new note.
    """
    with contextlib.suppress(OSError):
        last_seen.forget(path)


def _read_note(folder: Path) -> Gap:
    """The fields of the note. Where the note itself is damaged all are unknown, because it must not keep a terminal
    from starting.
    """
    unknown = Gap(None, 0, 0, GapCause.UNREADABLE, folder.name)
    try:
        noted = json.loads(read_file(folder / _PENDING, MAX_PAYLOAD))
    except (OSError, ValueError, RecursionError):
        return unknown
    whole = fits(noted, SHAPES[Kind.GAP]) and noted.keys() == FIELDS[Kind.GAP].keys()
    return Gap(**noted) if whole and noted["quarantine"] == folder.name else unknown


def _is_begun(path: Path, gap: Gap) -> bool:
    """Whether the new journal is there: then its first record names this folder."""
    try:
        with contextlib.closing(JOURNAL.connect(path, "ro")) as db:
            row = db.execute("SELECT payload FROM records WHERE seq = 1 AND kind = 'gap'").fetchone()
            return row is not None and decode(row[0]).data.get("quarantine") == gap.quarantine
    except (JournalError, sqlite3.Error, ValueError):
        return False


def _move(path: Path, folder: Path) -> None:
    """Move the journal's files into the folder. Each is linked there before its old name is removed, so it always
    has a name.
    """
    names = [name for end in _ENDS if (name := path.with_name(path.name + end)).exists()]
    for name in names:
        moved = folder / name.name
        if os.path.lexists(moved) and not (moved.exists() and moved.samefile(name)):
            moved.rename(
                moved.with_name(f"{moved.name}.{secrets.token_hex(4)}.was-there")
            )  # another file with this name: both are kept
        if not moved.exists():
            os.link(name, moved)
    sync_directory(folder)
    for name in names:
        name.unlink()
    sync_directory(path.parent)


def _last_words(path: Path, key: SigningKey, seen: Seen | None) -> tuple[str | None, int, int]:
    """(epoch, last seq, receipted up to), as far as they can be read quickly; `journal recover` reads everything.

    The note counts more than the file: where they differ, the file is not the journal that was in use.
    """
    epoch, head, receipted = None, 0, 0
    with (
        contextlib.suppress(JournalError, sqlite3.Error),
        # The records in the write-ahead file are searched below, where a damaged file can do no harm.
        contextlib.closing(JOURNAL.connect(path, "ro", immutable=True)) as db,
    ):
        epoch = schema.read_meta(db, path).epoch
        head = db.execute("SELECT max(seq) FROM records").fetchone()[0] or 0
        receipted = db.execute("SELECT max(upto) FROM receipt").fetchone()[0] or 0
    if seen is not None and seen.epoch != epoch:
        epoch, head, receipted = seen.epoch, 0, 0
    for file in (path, wal_check.wal_path(path)):
        with contextlib.suppress(OSError):
            furthest = newest(file, key.verify_key, epoch)
            if furthest is not None:
                epoch, head = furthest.epoch, max(head, furthest.seq)
    if seen is not None and seen.epoch == epoch:
        head = max(head, seen.seq)
    return epoch, int(head), int(receipted)
