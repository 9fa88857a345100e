"""Checks of the state directory at a start: it exists, this user may use it, and its disk keeps what it
confirmed.
"""

import os
import shlex
import stat
from pathlib import Path

from edge.adapters.linux.filesystem import weakness
from edge.config_schema import Config
from edge.errors import ConfigError, JournalError

_CURE = (
    "name a directory on ext4, XFS, Btrfs or F2FS; or, for a demonstration and for tests alone, set "
    "storage.volatile = true"
)


def disk_problem(state: Path) -> str | None:
    """Why the directory's file system cannot keep a punch, with the cure; None when it can. Raises OSError."""
    found = weakness(state)
    return None if found is None else f"storage.state: {state} {found}; {_CURE}"


def require(config: Config) -> bool:
    """Refuse a directory that may not be used; True when one is used although its disk keeps nothing for certain.

    Raises ConfigError for a problem that only a person can mend, JournalError when the directory is missing or
    cannot be read: its disk may come back.
    """
    state = Path(config.storage.state)
    try:
        if not stat.S_ISDIR(state.stat().st_mode):
            raise ConfigError(str(state), [f"storage.state: {state} is no directory; correct the path"])
        problem = disk_problem(state)
        fixed = bool(os.statvfs(state).f_flag & os.ST_RDONLY)  # may end by itself: the journal waits for it
    except (FileNotFoundError, NotADirectoryError) as error:
        raise JournalError(
            f"storage.state: no directory {state}; make it, for the service's user alone, or mount its disk"
        ) from error
    except PermissionError as error:
        raise _forbidden(state) from error
    except OSError as error:
        if isinstance(error, ConfigError):
            raise
        raise JournalError(f"{state}: cannot be read ({error.strerror}); check the disk") from error
    if not fixed and not os.access(state, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        raise _forbidden(state)
    if problem is not None and not config.storage.volatile:
        raise ConfigError(str(state), [problem])
    return problem is not None


def _forbidden(state: Path) -> ConfigError:
    uid = os.geteuid()
    mend = f"chown -R {uid} {shlex.quote(str(state))}"
    return ConfigError(str(state), [f"storage.state: uid {uid} may not read and write {state}; `{mend}`"])
