"""A journal that cannot be used is set aside whole, and a new epoch begins whose first record says so.

Nothing is deleted, and no cut of the power leaves a half-way state that a start does not finish::

    gap.json written, synced ──► every name linked into the folder, synced ──► the old names removed, synced
        ──► the new journal appears with the gap as its record 1 ──► gap.json becomes report.json

`edge.journal.diagnosis` says what is wrong with a journal; `smartclocker journal recover` reads what lies in the
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
    """Make sure that a journal can be opened at `path`; the folder that an unusable one was moved to, or None.

    A journal that is damaged, altered, set back or gone is set aside. `lived` says whether anything beside it shows
    that this is no first boot. One that is merely out of reach (rights, a full disk, a
    newer format) or another terminal's is not: that raises JournalError with the cure, and nothing is touched.
    `slow` is called before all of it is read, which may take minutes.
    """
    JOURNAL.clear(path)
    unfinished: list[Path] = []
    with contextlib.suppress(PermissionError):  # opening the journal will say it with the cure
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
            # somebody's file, or a link to nowhere: it keeps no terminal down
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
    """From whichever step was reached: each can be done again."""
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
    if gap.cause == GapCause.MISSING:  # a note that was read has the plain word
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
    """Whether a note stands for nothing any more: its folder was put back from a copy, say, or is somebody else's.

    The journal that lies here is then not the one of which it tells, and stays where it is: nothing is `wrong` with
    it, it is of another `epoch`, or the folder has a file and does not say of which. Raises JournalError.
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
    """A note that stands for nothing; where it cannot be put away, it is looked at again at the next start."""
    _log.warning("%s: tells of a journal that was set aside before, and is not followed again", folder / _PENDING)
    with contextlib.suppress(OSError):
        (folder / _PENDING).rename(folder / f"gap.{secrets.token_hex(4)}.old")


def _forget(path: Path) -> None:
    """What was seen of the journal before: the `gap` says it now, and the new one is noted by whoever uses it."""
    with contextlib.suppress(OSError):
        last_seen.forget(path)


def _read_note(folder: Path) -> Gap:
    """What was noted; nothing known where the note itself is damaged, since that must not keep a terminal down."""
    unknown = Gap(None, 0, 0, GapCause.UNREADABLE, folder.name)
    try:
        noted = json.loads(read_file(folder / _PENDING, MAX_PAYLOAD))
    except (OSError, ValueError, RecursionError):
        return unknown
    whole = fits(noted, SHAPES[Kind.GAP]) and noted.keys() == FIELDS[Kind.GAP].keys()
    return Gap(**noted) if whole and noted["quarantine"] == folder.name else unknown


def _is_begun(path: Path, gap: Gap) -> bool:
    """Whether the new journal is there: its first record names this folder."""
    try:
        with contextlib.closing(JOURNAL.connect(path, "ro")) as db:
            row = db.execute("SELECT payload FROM records WHERE seq = 1 AND kind = 'gap'").fetchone()
            return row is not None and decode(row[0]).data.get("quarantine") == gap.quarantine
    except (JournalError, sqlite3.Error, ValueError):
        return False


def _move(path: Path, folder: Path) -> None:
    """Under both names first: at no instant is there none."""
    names = [name for end in _ENDS if (name := path.with_name(path.name + end)).exists()]
    for name in names:
        moved = folder / name.name
        if os.path.lexists(moved) and not (moved.exists() and moved.samefile(name)):
            moved.rename(
                moved.with_name(f"{moved.name}.{secrets.token_hex(4)}.was-there")
            )  # another one: both stay
        if not moved.exists():
            os.link(name, moved)
    sync_directory(folder)
    for name in names:
        name.unlink()
    sync_directory(path.parent)


def _last_words(path: Path, key: SigningKey, seen: Seen | None) -> tuple[str | None, int, int]:
    """(epoch, last seq, receipted up to) as far as they can be read in a moment; a recovery reads everything.

    What was last seen counts before what the file says: where they differ, the file is not the one that was in use.
    """
    epoch, head, receipted = None, 0, 0
    with (
        contextlib.suppress(JournalError, sqlite3.Error),
        # What the write-ahead file adds is looked for below, where a damaged one can do no harm.
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
