"""File systems: what kind a directory lies on, and why some kinds cannot keep what `fdatasync` confirmed."""

import ctypes
import os
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_MEMORY = "lies in memory: a power cut takes every punch"
_OVERLAY = "may be written to memory (a read-only root, say), or is thrown away with its container"
_FAT = "has no journal and no owners: a power cut may take the whole directory"
_NETWORK = "is another machine's: neither its locks nor its syncs can be relied on, and it may be away"
_FOREIGN = "is served by a program: nobody vouches for its locks and syncs"
_WEAK = {
    0x01021994: ("tmpfs", _MEMORY),
    0x858458F6: ("ramfs", _MEMORY),
    0x794C7630: ("overlay", _OVERLAY),
    0x61756673: ("aufs", _OVERLAY),
    0x4D44: ("FAT", _FAT),
    0x2011BAB0: ("exFAT", _FAT),
    0x6969: ("NFS", _NETWORK),
    0x517B: ("SMB", _NETWORK),
    0xFF534D42: ("CIFS", _NETWORK),
    0xFE534D42: ("SMB", _NETWORK),
    0x00C36400: ("Ceph", _NETWORK),
    0x5346414F: ("AFS", _NETWORK),
    0x6B414653: ("AFS", _NETWORK),
    0x01021997: ("9p", _NETWORK),
    0x65735546: ("FUSE", _FOREIGN),
}
"""f_type of statfs(2), from the kernel's sources. Every other file system is accepted: ext4, XFS, Btrfs, F2FS,
ZFS.
"""


def weakness(directory: Path) -> str | None:
    """Why synced data may be lost there, in words that follow the path; None for a disk. Raises OSError."""
    return describe(_kind(directory))


def describe(kind: int) -> str | None:
    """The same for an f_type."""
    found = _WEAK.get(kind & 0xFFFF_FFFF)
    return None if found is None else f"is on {found[0]}, which {found[1]}"


def _kind(directory: Path) -> int:
    answer = ctypes.create_string_buffer(256)  # struct statfs has 120 bytes; its f_type is the first word
    if _LIBC.statfs(os.fsencode(directory), answer) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(directory))
    return int.from_bytes(answer.raw[: ctypes.sizeof(ctypes.c_long)], "little")
