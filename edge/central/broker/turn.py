"""Allows one connection at a time under one certificate, because the broker ends the first when a second connects.

The lock is on the private key's file, which every program of this name reads, whatever user it runs as.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.adapters.mqtt.tls import UplinkSettings
from edge.errors import BrokerError

WAIT_S = 60.0
"""Seconds that a command waits for another program's connection."""
_LOOK_S = 0.05
_KEEP_S = 1.0
"""Seconds to wait for a renewed key whose lock another program has."""


class HeldName:
    """The hold on the name of a certificate, while `turn` is open."""

    def __init__(self, uplink: UplinkSettings, wait_s: float) -> None:
        self._uplink = uplink
        self._descriptor = _await_lock(uplink, wait_s)

    def keep(self) -> None:
        """Holds the name also after the key was renewed: the lock was on a file that no program opens any more.

        Raises BrokerError if another program took the name meanwhile.
        """
        if self._descriptor is None or not _is_still(self._descriptor, self._uplink.key):
            renewed = _await_lock(self._uplink, _KEEP_S)
            self.close()
            self._descriptor = renewed

    def close(self) -> None:
        """Lets the name go; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def turn(uplink: UplinkSettings, wait_s: float = WAIT_S) -> Iterator[HeldName]:
    """Holds the certificate's name for this program alone. Waits while another program has it; raises BrokerError
    after `wait_s` seconds.
    """
    held = HeldName(uplink, wait_s)
    try:
        yield held
    finally:
        held.close()


def _await_lock(uplink: UplinkSettings, wait_s: float) -> int | None:
    deadline = time.monotonic() + wait_s
    while (descriptor := _lock(uplink.key)) == _TAKEN:
        if time.monotonic() >= deadline:
            raise BrokerError(
                f"another program uses {uplink.certificate}, and the broker allows one connection for each name; "
                "give the command again when that program is done; give a second ledger its own --instance"
            )
        time.sleep(_LOOK_S)
    return descriptor


_TAKEN = -1


def _lock(path: Path) -> int | None:
    """The descriptor that holds the lock; _TAKEN while another program has it. None if the file cannot be opened;
    reading the key then reports the reason.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_file(descriptor, path):  # otherwise the key was renewed meanwhile
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return _TAKEN


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether the name belongs to this open file. Raises OSError."""
    return os.fstat(descriptor).st_ino == path.stat().st_ino


def _is_still(descriptor: int, path: Path) -> bool:
    """As `_is_file`; a name without a file is no reason to let go."""
    try:
        return _is_file(descriptor, path)
    except OSError:
        return True
