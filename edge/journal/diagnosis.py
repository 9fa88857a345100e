"""What is wrong with a journal at a start, if anything: missing, altered or set back, or unreadable."""

import contextlib
import errno
import logging
from collections.abc import Callable
from pathlib import Path

from nacl.signing import SigningKey

from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import GapCause
from edge.errors import JournalAltered, JournalDamaged, JournalError
from edge.journal import last_seen, wal_check
from edge.journal.journal import Journal
from edge.journal.last_seen import Seen
from edge.journal.schema import JOURNAL

FOLDER = "quarantine"
"""Beside the journal; each journal that was set aside has a folder of its own in it."""
_SUSPECT = "suspect"

_log = logging.getLogger(__name__)


def mark_suspect(path: Path) -> None:
    """SQLite met damage while the journal was in use: the next start checks all of it. Never raises OSError."""
    with contextlib.suppress(OSError):
        _suspect(path).touch()


def is_vanished(path: Path, lived: Callable[[], bool]) -> bool:
    """Whether there is no journal and there was one: it leaves more behind than a first boot finds.

    Raises JournalError when this user may not know.
    """
    if JOURNAL.present(path):
        return False
    traces = (path.with_suffix(".reserve"), last_seen.path_of(path))
    known = wal_check.has_content(path) or any(trace.exists() for trace in traces)
    known = known or any(path.parent.glob(f"{FOLDER}/*")) or lived()
    return known and not JOURNAL.present(path)  # another process may have made the first one meanwhile


def what_is_wrong(
    path: Path,
    origin: Origin,
    key: SigningKey,
    seen: Seen | None,
    lived: Callable[[], bool],
    slow: Callable[[], object],
) -> GapCause | None:
    """Why the journal must be set aside; None where it can be used. The log says more.

    `seen` is what was last noted of it, `lived` says whether anything else shows that this is no first boot, `slow`
    is called before all of it is read. Raises JournalError where it is merely out of reach, or another terminal's.
    """
    if not JOURNAL.present(path):
        return GapCause.MISSING if is_vanished(path, lived) else None
    try:
        with Journal(path, origin, key) as journal:
            if _suspect(path).exists():
                slow()
                journal.check_structure()
                unsuspect(path)
            said = None if seen is None else last_seen.contradiction(journal, seen)
            if said is not None:
                _log.critical("%s: %s", path, said)
                return GapCause.ALTERED
    except JournalAltered as error:
        _log.critical("%s", error)
        return GapCause.ALTERED
    except JournalDamaged as error:
        _log.critical("%s", error)
        return GapCause.UNREADABLE
    except JournalError:
        if not _unreadable_medium(path):
            raise
        _log.critical("%s: the disk does not give it back", path)
        return GapCause.UNREADABLE
    return None


def _unreadable_medium(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass
    except OSError as error:
        return error.errno == errno.EIO
    return False


def _suspect(path: Path) -> Path:
    return path.with_suffix(f".{_SUSPECT}")


def unsuspect(path: Path) -> None:
    """The journal was checked, or set aside.

    A mark that stays, because it is no file of ours, costs another check at the next start and nothing else.
    """
    with contextlib.suppress(OSError):
        _suspect(path).unlink(missing_ok=True)
