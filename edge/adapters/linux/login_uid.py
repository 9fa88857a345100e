"""The login behind a command, as the kernel and sudo know it: a number, never a name."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from edge.domain.people.operator_id import LAST_UID

_LOGIN = Path("/proc/self/loginuid")


def uid(login: Path = _LOGIN, environment: Mapping[str, str] = os.environ, own: int | None = None) -> int:
    """Number of the login, also after `su` and `sudo`.

    The kernel's audit login is set once, at the login. Where there is none (a kernel without auditing, a
    container), it is the caller of sudo, else the process's own user (`own`).
    """
    try:
        found = _number(login.read_text("ascii"))
    except (OSError, UnicodeDecodeError):
        found = None
    if found is None:
        found = _number(environment.get("SUDO_UID", ""))
    if found is None:
        found = os.getuid() if own is None else own
    return found


def name_of(number: int) -> str:
    """A login's name on this machine; where it has none, its number."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid:{number}"


def is_login_name(word: str) -> bool:
    """Whether this machine has a login of that name."""
    try:
        pwd.getpwnam(word)
    except KeyError:
        return False
    return True


def _number(text: str) -> int | None:
    """Number of the audit login; the kernel gives LAST_UID + 1 where nobody logged in."""
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text) if int(text) <= LAST_UID else None
