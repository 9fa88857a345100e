"""The account that the service runs as, and working with its rights instead of root's."""

import contextlib
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SERVICE = "smartclocker"
"""The unit's User=."""
GROUPS = ("video", "gpio", "input")
"""The unit's SupplementaryGroups=."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account that may own files and read others."""

    name: str
    uid: int
    gid: int


def service_account(state: Path, *, installed: bool) -> Account | None:
    """The account that will open the files: the owner of the state directory, or the unit's user where it is
    `installed`.

    None when that is the caller, or when only root could find out what that user may do.
    """
    if os.geteuid() != 0:
        return None
    found: pwd.struct_passwd | None = None
    with contextlib.suppress(OSError, KeyError):
        owner = state.stat().st_uid
        if owner == 0:
            raise KeyError(owner)
        found = _entry(owner)
    if found is None and installed:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(SERVICE)
    return None if found is None else Account(found.pw_name, found.pw_uid, found.pw_gid)


def group_number(name: str) -> int | None:
    """The number of a group; None when this machine has none of that name."""
    import grp  # noqa: PLC0415 - as below

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


@contextlib.contextmanager
def acting_as(account: Account | None) -> Iterator[None]:
    """Within it, this process, which has one thread, has that account's rights on files; None changes nothing.

    It is for files alone: a module that is imported within it may be out of that account's reach.
    """
    if account is None:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups(_groups_of(account))
        os.setegid(account.gid)
        os.seteuid(account.uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _entry(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return pwd.struct_passwd((f"uid {uid}", "x", uid, uid, "", "/", "/"))


def _groups_of(account: Account) -> list[int]:
    import grp  # noqa: PLC0415 - for root alone

    groups = {account.gid}
    with contextlib.suppress(OSError, KeyError):
        groups |= set(os.getgrouplist(account.name, account.gid))
    if account.name == SERVICE:
        for name in GROUPS:
            with contextlib.suppress(KeyError):
                groups.add(grp.getgrnam(name).gr_gid)
    return sorted(groups)
