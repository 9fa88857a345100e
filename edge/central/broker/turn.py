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


@contextmanager
def turn(uplink: UplinkSettings, wait_s: float = WAIT_S) -> Iterator[None]:
    """Holds the certificate's name for this program alone. Waits while another program has it; raises BrokerError
    after `wait_s` seconds.
    """
    deadline = time.monotonic() + wait_s
    while (descriptor := _lock(uplink.key)) == _TAKEN:
        if time.monotonic() >= deadline:
            raise BrokerError(
                f"another program uses {uplink.certificate}, and the broker allows one connection for each name; "
                "give the command again when that program is done; give a second ledger its own --instance"
            )
        time.sleep(_LOOK_S)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


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
        if os.fstat(descriptor).st_ino == path.stat().st_ino:  # otherwise the key was renewed meanwhile
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return _TAKEN
