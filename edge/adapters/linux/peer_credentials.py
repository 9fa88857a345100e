"""Who is at the other end of a local socket, as the kernel knows it."""

import contextlib
import os
import pwd
import socket
import struct
from dataclasses import dataclass

_SO_PEERGROUPS = 59
"""socket(7) of Linux; Python has no name for it."""
_MOST_GROUPS = 1_024
"""Bytes for the answer: the most that Python takes; 256 groups."""
_UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel knows it."""

    pid: int
    uid: int
    groups: frozenset[int]
    """Numbers of all its groups."""


def peer_of_socket(link: socket.socket) -> Peer:
    """The peer of a connection. Raises OSError."""
    pid, uid, gid = _UCRED.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    try:
        raw = link.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS)
        groups = {number for (number,) in struct.iter_unpack("I", raw)}
    except OSError:  # a kernel before 4.13, or more groups than fit: those of the login count
        groups = set()
        with contextlib.suppress(OSError, KeyError):
            groups = set(os.getgrouplist(pwd.getpwuid(uid).pw_name, gid))
    return Peer(pid, uid, frozenset(groups | {gid}))
