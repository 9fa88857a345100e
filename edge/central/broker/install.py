"""Copies the broker's files to a directory that the broker's own user can read, with the paths of that
directory.
"""

import grp
import os
import pwd
from pathlib import Path

from edge.central.broker import certificates, conf, revocation_compare, revocation_list
from edge.central.broker.revocation_compare import Difference
from edge.central.ownership import read_own
from edge.errors import KeyFileError, LedgerRefused, NameRefused

_MODE = 0o640
_INCLUDE = "include_dir"


def install(base: Path, into: Path, user: str, ahead: Difference | None = None) -> Path:
    """Copies configuration, ACL, CA certificate, revocation list and the broker's key from `base`. Returns the path
    of the configuration.

    If the command runs as root, the files belong to root and `user`'s group can read them. Only the ACL belongs to
    `user`: mosquitto 2.0.21 requires that, and warns that a later version will refuse other owners. Otherwise the
    files belong to the caller. The CA's private key is not copied. `ahead` is the difference by which the broker's
    revocation list is ahead of ours; if it is given, it is taken over first. Raises NameRefused, KeyFileError, and
    LedgerRefused if the broker's list is still ahead of ours.
    """
    base, into = base.absolute(), into.absolute()
    if into in {base, base / "pki"} or not str(into).isprintable() or _is_anothers(into):
        raise NameRefused(
            f"{str(into)!r}: give the broker a directory of its own, /etc/smartclocker/broker as a rule"
        )
    user_id, group = _ids(user)
    if ahead is not None:
        revocation_list.take_over(base / "pki", ahead.forgotten, ahead.theirs)
    _refuse_older(base, into)
    sources = {
        "cafile": base / "pki" / "ca.crt",
        "certfile": base / "pki" / "server.crt",
        "keyfile": base / "pki" / "server.key",
        "crlfile": revocation_list.ensure(base / "pki"),
        "acl_file": base / "acl",
    }
    texts = {key: _read(path) for key, path in sources.items()}
    moves = {key: str(into / path.name) for key, path in sources.items()}
    configuration = conf.relocate(_settings(base / "mosquitto.conf", user), {**moves, "user": user})
    try:
        into.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        into.mkdir(mode=0o750, exist_ok=True)
        _give(into, 0, group, 0o750)
    except OSError as error:
        raise KeyFileError(
            f"{into}: cannot be made ({error.strerror}); correct INTO, or give the command as root"
        ) from error
    for key, text in texts.items():
        _put(into / sources[key].name, text, user_id if key == "acl_file" else 0, group)
    path = into / "mosquitto.conf"
    _put(path, configuration.encode(), 0, group)
    return path


def _settings(path: Path, user: str) -> str:
    """The text of DIR's mosquitto.conf, with a line that names the broker's user. Raises KeyFileError, NameRefused.

    Root starts the broker, which becomes that user. A file that `include_dir` names could say `user root` instead,
    and DIR belongs to the ledger's user.
    """
    try:
        text = _read(path).decode()
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: is no text; restore it from your backup, or move it away") from error
    if conf.value(text, _INCLUDE) is not None:
        raise NameRefused(f"{path}: has the setting {_INCLUDE}; write the lines of those files into {path} itself")
    return text if conf.value(text, "user") is not None else f"{text.rstrip()}\nuser {user}\n"


def _refuse_older(base: Path, into: Path) -> None:
    """Refuses to replace a newer revocation list by an older one.

    If DIR was restored from a backup, it no longer knows what was revoked since; the broker's list still does.
    """
    revocation_list.ensure(base / "pki")
    difference = revocation_compare.compare(base / "pki", into)
    if difference is not None and difference.behind:
        told = revocation_compare.told(base / "pki", difference)
        raise LedgerRefused(
            f"{into / revocation_list.NAME}: the broker's list of revoked certificates {told}: "
            "DIR came from an older backup, "
            "so that the ledger accepts again what was revoked since. Give each `central revoke` since then again, "
            "then this command with --take-over, which keeps all that the broker's list names"
        )


def _is_anothers(into: Path) -> bool:
    """Whether the directory has other files. Its owner and mode would be changed, which would damage a directory
    such as /etc.
    """
    try:
        return into.is_dir() and any(into.iterdir()) and not (into / "acl").exists()
    except OSError:
        return False  # creating the directory will report the reason


def _ids(user: str) -> tuple[int, int | None]:
    """The numbers of the user and the group that get the files. The group is None if we are not root and cannot
    change it.
    """
    try:
        found = pwd.getpwnam(user)
        grp.getgrgid(found.pw_gid)
    except KeyError as error:
        raise NameRefused(
            f"no user {user!r} on this machine; `apt install mosquitto` makes it, or name another with --user"
        ) from error
    return found.pw_uid, found.pw_gid if os.geteuid() == 0 else None


def _put(path: Path, content: bytes, owner: int, group: int | None) -> None:
    certificates.write_file(path, content, 0o600)
    try:
        _give(path, owner, group, _MODE)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; give the command as root") from error


def _give(path: Path, owner: int, group: int | None, mode: int) -> None:
    if group is not None:
        os.chown(path, owner, group)
    path.chmod(mode)


def _read(path: Path) -> bytes:
    try:
        return read_own(path)
    except OSError as error:
        raise KeyFileError(
            f"{path}: cannot be read ({error.strerror}); `smartclocker central init` makes it"
        ) from error
