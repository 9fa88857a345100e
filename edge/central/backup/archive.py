"""The file of a backup: a tar archive, encrypted and authenticated under the backup key.

The first line is plain text: it says when the backup was made and under which key. Nothing that the archive says is
believed before the key has authenticated it, and the names in it are checked even then.
"""

import base64
import binascii
import contextlib
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from nacl.exceptions import CryptoError

from edge.central.backup.snapshot import CopiedFile, member_name
from edge.crypto.secret_stream import StreamDecryptor, StreamEncryptor
from edge.domain.strict_json import dump, is_version, parse_object
from edge.domain.time.instant import is_instant
from edge.errors import BackupError, BackupRefused, RecordError
from edge.storage.durable_file import NewFile

_MAGIC = "smartclocker-backup"
_LONGEST_LINE = 1_024
_PART = 1024 * 1024
"""Bytes that are read at once."""


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A backup whose key fits."""

    path: Path
    made: str
    """The instant at which it was begun (RFC 3339 UTC)."""
    plain: BinaryIO
    """The archive in plain text."""


def fingerprint(key: bytes) -> str:
    """The name by which a backup names its key; it says nothing about the key itself."""
    return hashlib.blake2b(b"smartclocker backup key", key=key, digest_size=8).hexdigest()


def write(file: NewFile, files: Sequence[CopiedFile], key: bytes, made: str) -> None:
    """Writes a backup of these files. Raises BackupError."""
    stream = StreamEncryptor(file.write, key)
    header = base64.b64encode(stream.header).decode()
    stream.begin(dump({_MAGIC: 1, "made": made, "key": fingerprint(key), "header": header}))
    with tarfile.open(mode="w|", fileobj=cast("BinaryIO", stream), format=tarfile.PAX_FORMAT) as archive:
        for one in files:
            info = tarfile.TarInfo(one.name)
            with one.path.open("rb") as content:
                found = os.fstat(content.fileno())
                info.size, info.mtime, info.mode = found.st_size, int(found.st_mtime), one.mode
                archive.addfile(info, content)
    stream.finish()


@contextlib.contextmanager
def opened(path: Path, key: bytes) -> Iterator[OpenedBackup]:
    """Opens a backup, and decrypts its first part. Raises BackupRefused, BackupError."""

    def refused(text: str) -> BackupRefused:
        return BackupRefused(f"{path}: {text}; nothing was restored: copy it again, or use another backup")

    with _file(path) as file:
        line = file.readline(_LONGEST_LINE)
        made, header = _first_line(path, line, key)
        try:
            stream = StreamDecryptor(file, line.removesuffix(b"\n"), header, key, refused)
        except (CryptoError, ValueError, TypeError) as error:
            raise refused("its first line was altered") from error
        plain = io.BufferedReader(stream, _PART)
        plain.peek(1)
        yield OpenedBackup(path, made, plain)


def members(backup: OpenedBackup, take: Callable[[str, int, IO[bytes]], None]) -> int:
    """Calls `take` with name, permission bits and content of each file, and reads to the genuine end.

    Returns the number of files. Raises BackupRefused, also after the last file, when the end is missing.
    """
    names: set[str] = set()
    try:
        with tarfile.open(mode="r|", fileobj=backup.plain) as archive:
            for member in archive:
                whole = member.type == tarfile.REGTYPE and not member.issparse()  # five bytes may say: a terabyte
                content = archive.extractfile(member) if whole else None
                if content is None or member.name in names:
                    raise BackupRefused(f"{backup.path}: has something in it that is no file, or a file twice")
                names.add(member.name)
                try:
                    name = member_name(member.name)
                except ValueError as error:
                    raise BackupRefused(
                        f"{backup.path}: {member.name!r} {error}; do not use this backup"
                    ) from error
                with content:
                    take(name, member.mode, content)
    except tarfile.TarError as error:
        raise BackupRefused(f"{backup.path}: what is in it is no archive; use another backup") from error
    while backup.plain.read(_PART):  # the last part says that nothing was cut off
        pass
    return len(names)


def _file(path: Path) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise BackupError(f"{path}: cannot be read ({error.strerror}); correct the path, or the rights") from error
    file = os.fdopen(descriptor, "rb") if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    if file is None:
        os.close(descriptor)
        raise BackupRefused(f"{path}: is not a file; name the file that `central backup` made")
    return file


def _first_line(path: Path, line: bytes, key: bytes) -> tuple[str, bytes]:
    try:
        said = parse_object(line, _LONGEST_LINE) if line.endswith(b"\n") else {}
        made, of, header = (
            said.get("made"),
            said.get("key"),
            base64.b64decode(str(said.get("header")), validate=True),
        )
    except (RecordError, binascii.Error, ValueError):
        said, made, of, header = {}, None, None, b""
    if (
        not is_version(said, 1, _MAGIC)
        or not isinstance(made, str)
        or not is_instant(made)
        or not isinstance(of, str)
    ):
        raise BackupRefused(f"{path}: no backup of a centre, or one of a newer version; name the right file")
    if of != fingerprint(key):
        raise BackupRefused(
            f"{path}: made under the backup key {of[:32]!r}, and this is {fingerprint(key)!r}; give the other one"
        )
    return made, header
