"""Makes a backup, alone or as one of the newest few."""

import contextlib
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.central.backup import archive, last_backup
from edge.central.backup.snapshot import require_centre, snapshot
from edge.domain.time.instant import utc_text
from edge.errors import BackupError, BackupRefused
from edge.storage.durable_file import NewFile

_TIME = "%Y%m%dT%H%M%SZ"
_TIME_PATTERN = r"\d{8}T\d{6}Z"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class BackupMade:
    """The result of one backup."""

    path: Path
    made: str
    """The instant at which it was begun (RFC 3339 UTC)."""
    files: int
    databases: int
    size: int
    """Bytes of the file."""
    removed: list[Path]
    """Older backups that were removed."""


def refuse_inside(base: Path, path: Path, what: str) -> None:
    """Raises BackupRefused if `path` lies in the centre's directory, where it would be lost with it."""
    if Path(os.path.realpath(path.absolute().parent)).is_relative_to(os.path.realpath(base)):
        raise BackupRefused(
            f"{path}: lies in {base}, and would be lost with it; keep {what} elsewhere, best on another machine"
        )


def place(base: Path, file: Path, keep: int | None) -> Path:
    """The path of the next backup: `file`, with the time in its name if only the newest `keep` are to stay.

    Raises BackupRefused for a place where none can be.
    """
    if not file.name:
        raise BackupRefused(f"{str(file)!r}: names no file; give the path of the backup")
    refuse_inside(base, file, "backups")
    path = file if keep is None else file.with_name(f"{file.stem}-{datetime.now(UTC):{_TIME}}{file.suffix}")
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        raise BackupRefused(f"{path}: is a link, a directory or a device; name a file, which may be there already")
    require_centre(base)
    return path


def take(base: Path, file: Path, path: Path, key: bytes, keep: int | None) -> BackupMade:
    """Makes a backup of `base` at `path`, which `place` gave for `file` and `keep`. Older ones are removed.

    An earlier file of the same name stays whole until the new one is complete. Raises BackupRefused, BackupError,
    KeyFileError.
    """
    now = datetime.now(UTC)
    with NewFile(path, BackupError, replacing=True) as out, snapshot(base) as files:
        archive.write(out, files, key, utc_text(now))
    last_backup.note(base, utc_text(now))
    _remove_interrupted(file)
    databases = sum(one.is_database for one in files)
    removed = [] if keep is None else _remove_older(file, path, keep)
    return BackupMade(path, utc_text(now), len(files), databases, out.size, removed)


def _remove_older(file: Path, newest: Path, keep: int) -> list[Path]:
    """Removes all but the newest backups. `newest` stays even if the clock was set back. Files with another kind of
    name stay.
    """
    older = sorted(path for path in _named(file, "") if path.name != newest.name)
    removed = older[: max(len(older) - (keep - 1), 0)]
    for path in removed:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise BackupError(
                f"{path}: an older backup cannot be removed ({error.strerror}); the new one, {newest}, is there: "
                "remove older ones by hand, and correct the rights"
            ) from error
    return removed


def _remove_interrupted(file: Path) -> None:
    """Removes what interrupted backups of this name left a day ago or earlier; a younger one may go on."""
    for path in _named(file, r"\.[0-9a-f]{16}\.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY_S:
                path.unlink()


def _named(file: Path, ending: str) -> list[Path]:
    """The files whose name is that of `file`, with a time or without, and then `ending`."""
    time_too = rf"(?:-{_TIME_PATTERN})" + ("?" if ending else "")
    name = re.compile(re.escape(file.stem) + time_too + re.escape(file.suffix) + ending)
    return [path for path in file.absolute().parent.iterdir() if name.fullmatch(path.name)]
