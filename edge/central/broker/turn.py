"""One connection at a time under one certificate: at the broker a second one would end the first.

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
"""How long a command waits for another one's connection."""
_LOOK_S = 0.05


@contextmanager
def turn(uplink: UplinkSettings, wait_s: float = WAIT_S) -> Iterator[None]:
    """Have the certificate's name to oneself, once whoever has it is done. Raises BrokerError after `wait_s`."""
    deadline = time.monotonic() + wait_s
    while (descriptor := _lock(uplink.key)) == _TAKEN:
        if time.monotonic() >= deadline:
            raise BrokerError(
                f"another program uses {uplink.certificate}, and a name is one connection at the broker; give the "
                "command again when it is done, and a second ledger an --instance of its own"
            )
        time.sleep(_LOOK_S)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


_TAKEN = -1


def _lock(path: Path) -> int | None:
    """What holds the lock, _TAKEN while somebody else does; None without a file: who reads it says why."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:  # else it was renewed meanwhile
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return _TAKEN
