"""Checks of the state directory for `smartclocker check`: its rights, its disk, the journal and the people.

They read as `journal verify` does, and leave no trace.
"""

import os
import shlex
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from nacl.signing import VerifyKey

from edge.adapters.linux.service_account import SERVICE, Account, acting_as
from edge.config import credential
from edge.config_schema import Config
from edge.crypto.key_files import load_identity, load_secret
from edge.crypto.person_keys import Vault
from edge.domain.plural import counted
from edge.errors import JournalAltered, JournalDamaged, SmartClockerError
from edge.journal import last_seen
from edge.journal.disk_reserve import WAL_ROOM
from edge.journal.opening import refuse_unusable
from edge.journal.schema import JOURNAL
from edge.journal.verify import opened
from edge.people.schema import PEOPLE
from edge.terminal import installed
from edge.terminal.checks import people, side_files
from edge.terminal.checks.files import reading
from edge.terminal.startup.state_directory import disk_problem

T = TypeVar("T")
_MB = 1_000_000
_SET_ASIDE = "the next start sets it aside and begins a new one; then `smartclocker journal recover`"


def problems(config: Config, account: Account | None) -> Iterator[str]:
    """Problems of the state directory and of the files in it."""
    state = Path(config.storage.state)
    identity = _key(config.keys.identity, account, load_identity)
    storage = _key(config.keys.storage, account, load_secret)
    with acting_as(account):
        found = list(directory(state, account, volatile=config.storage.volatile))
        if not found:
            found += disk(config, state)
            found += [] if identity is None else _journal(config, identity.verify_key)
            found += [] if storage is None else _people(config, storage)
            found += people.roster(state)
            found += side_files.problems(config)
    yield from found


def _key(path: str, account: Account | None, load: Callable[[Path], T]) -> T | None:
    """A loaded key; None when it cannot be used, because the check of the key itself reports that."""
    try:
        with reading(path, account):
            return load(credential(path))
    except SmartClockerError:
        return None


def directory(state: Path, account: Account | None, *, volatile: bool) -> Iterator[str]:
    """Problems of the state directory: whether it is there and this user's, and whether its disk keeps what it
    confirms.
    """
    user = account.name if account is not None else SERVICE
    try:
        status = state.stat()
    except FileNotFoundError:
        make = f"install -d -m 700 -o {user} -g {user} {shlex.quote(str(state))}"
        yield f"storage.state: no directory {state}; make it, for the service's user alone: `{make}`"
        return
    except OSError as error:
        yield f"storage.state: {state} cannot be used ({error.strerror}); correct the path, or the rights on it"
        return
    if not stat.S_ISDIR(status.st_mode):
        yield f"storage.state: {state} is no directory; correct the path"
        return
    if os.statvfs(state).f_flag & os.ST_RDONLY:
        yield f"storage.state: the disk of {state} is mounted read-only; mount it writable, or no punch can be kept"
    elif not os.access(state, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        who = account.name if account is not None else f"uid {os.geteuid()}"
        yield f"storage.state: {who} may not write into {state}; `chown -R {user}: {shlex.quote(str(state))}`"
    elif not volatile and (problem := disk_problem(state)) is not None:
        yield problem
    if status.st_mode & 0o022:
        yield f"storage.state: others may write into {state}; `chmod 700 {shlex.quote(str(state))}`"


def disk(config: Config, state: Path) -> Iterator[str]:
    """The problem that there is no space for the journal, which the first start reserves; what the journal holds
    already counts.
    """
    disk = os.statvfs(state)
    free = disk.f_bavail * disk.f_frsize
    held = sum(_size(state / name) for name in ("journal.db", "journal.db-wal", "journal.reserve"))
    asked = config.storage.max_bytes + WAL_ROOM
    if free + held < asked:
        room = max(0, free + held - WAL_ROOM)
        cure = f"set storage.max_bytes to {room // _MB * _MB} at most" if room >= 8 * _MB else "take a larger disk"
        yield (
            f"storage.max_bytes: {asked // _MB:,} MB must be reserved in {state}, but its disk has "
            f"{(free + held) // _MB:,} MB; free some space on it, or {cure}"
        )


def _journal(config: Config, identity: VerifyKey) -> Iterator[str]:
    path = installed.journal_path(config)
    try:
        yield from side_files.vanished(config)
        seen = last_seen.read(path)  # first: beside a running service it is never ahead of the journal
        if JOURNAL.present(path):
            with JOURNAL.guard(path), opened(path) as connection:
                epoch = refuse_unusable(connection, path, installed.origin(config), identity).epoch
                other = None if seen is None else last_seen.contradiction_in(connection, epoch, seen)
            if other is not None:
                yield f"storage.state: {path}: {other}; bring back the newer one with its -wal, or {_SET_ASIDE}"
            if not os.access(path, os.W_OK, effective_ids=True):
                yield f"storage.state: {path} is not writable by uid {os.geteuid()}; `chown {os.geteuid()} {path}*`"
    except (JournalAltered, JournalDamaged) as error:
        yield f"storage.state: {error}; {_SET_ASIDE}"
    except (SmartClockerError, OSError, sqlite3.Error) as error:
        yield f"storage.state: {error}"


def _people(config: Config, storage: bytes) -> Iterator[str]:
    path = Path(config.storage.state) / "people.db"
    try:
        if PEOPLE.present(path):
            with PEOPLE.guard(path), opened(path, PEOPLE) as connection:
                found = connection.execute("PRAGMA quick_check(3)").fetchall()
                wrong = [str(row[0]) for row in found if row[0] != "ok"]
                if wrong:
                    yield f"storage.state: {path}: {PEOPLE.mend} ({counted(len(wrong), 'fault')}: {wrong[0]})"
                    return
                vault = Vault(storage, connection.execute("SELECT wrapped_epoch FROM vault").fetchone()[0])
                yield from people.people(config, connection, vault)
            if not os.access(path, os.W_OK, effective_ids=True):
                yield f"storage.state: {path} is not writable by uid {os.geteuid()}; `chown {os.geteuid()} {path}*`"
    except SmartClockerError as error:
        yield f"keys.storage: {error}" if str(path) not in str(error) else f"storage.state: {error}"
    except (OSError, TypeError, sqlite3.Error) as error:
        yield f"storage.state: {path}: {PEOPLE.mend} ({error})"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
