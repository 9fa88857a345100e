"""The diagnosis of a journal at a start: usable, missing, altered or set back, or unreadable."""

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
"""The folder beside the journal. Each journal that was set aside has a folder of its own in it."""
_SUSPECT = "suspect"

_log = logging.getLogger(__name__)


def mark_suspect(path: Path) -> None:
    """Mark a journal in which SQLite found damage while it was in use: the next start checks all of it.

    Never raises OSError.
    """
    with contextlib.suppress(OSError):
        _suspect(path).touch()


def is_vanished(path: Path, lived: Callable[[], bool]) -> bool:
    """Whether the journal is gone although there was one: there are more files than before a first boot.

    `lived` tells whether other files of the terminal show that it ran before. Raises JournalError when this user
    has no right to look.
    """
    if JOURNAL.present(path):
        return False
    traces = (path.with_suffix(".reserve"), last_seen.path_of(path))
    known = wal_check.has_content(path) or any(trace.exists() for trace in traces)
    known = known or any(path.parent.glob(f"{FOLDER}/*")) or lived()
    return known and not JOURNAL.present(path)  # another process may have made the first journal meanwhile


def what_is_wrong(
    path: Path,
    origin: Origin,
    key: SigningKey,
    seen: Seen | None,
    lived: Callable[[], bool],
    slow: Callable[[], object],
) -> GapCause | None:
    """The reason why the journal must be set aside; None where it can be used. The log has the details.

    `seen` is what was last noted of the journal. `lived` tells whether other files show that this is not a first
    boot. `slow` is called before the whole journal is read. Raises JournalError when the journal is only out of
    reach, or belongs to another terminal.
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
        _log.critical("%s: the disk cannot read it", path)
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
    """Remove the mark after the journal was checked or set aside.

    The mark stays if it is not a file of ours. Then the next start checks the journal again; there is no other
    effect.
    """
    with contextlib.suppress(OSError):
        _suspect(path).unlink(missing_ok=True)
