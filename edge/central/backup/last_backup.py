"""When the newest backup was made, so that `central gaps` reports nights without one."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from edge.central.store.findings import Problem, ProblemKind
from edge.domain.strict_json import dump, is_version, parse_object
from edge.domain.time.instant import is_instant
from edge.errors import BackupError, RecordError
from edge.storage import durable_file
from edge.storage.bounded_read import read_file

NAME = "last-backup.json"
LATE = timedelta(days=3)
"""A nightly backup that is this old failed at least twice."""
_LONGEST = 1_024


def note(base: Path, made: str) -> None:
    """Notes in the centre's directory when a backup was made; durable on return. Raises BackupError."""
    durable_file.replace(base / NAME, dump({"v": 1, "made": made}) + b"\n", BackupError)


def found(base: Path, now: datetime) -> Iterator[Problem]:
    """The problem that the newest backup is old. Without a note there is none: others may make the backups."""
    try:
        made = _read(base / NAME)
    except FileNotFoundError:
        return
    except (OSError, RecordError) as error:
        yield Problem(None, ProblemKind.BACKUP, f"{base / NAME} cannot be read ({error}): {_CURE}")
        return
    then = datetime.fromisoformat(made)
    if now - then >= LATE:
        text = f"the newest backup is {(now - then).days} days old: {_CURE}"
        yield Problem(None, ProblemKind.BACKUP, text, since=made)
    elif then - now >= LATE:
        text = f"the newest backup is of a day that is yet to come, so that the clock was wrong: {_CURE}"
        yield Problem(None, ProblemKind.BACKUP, text, since=made)


def newest(base: Path) -> datetime | None:
    """When the newest backup was made; None where none is noted. Raises RecordError, OSError."""
    try:
        return datetime.fromisoformat(_read(base / NAME))
    except FileNotFoundError:
        return None


def _read(path: Path) -> str:
    said = parse_object(read_file(path, _LONGEST), _LONGEST)
    made = said.get("made")
    if not is_version(said) or not isinstance(made, str) or not is_instant(made):
        raise RecordError("not the note of a backup")
    return made


_CURE = (
    "`systemctl status smartclocker-backup` says why; give `smartclocker central backup DIR FILE --key KEY`, and "
    "look that it is copied to another machine"
)
