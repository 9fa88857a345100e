"""Talking to systemd: sd_notify(3) and sd_watchdog_enabled(3), without libsystemd.

One datagram a message to the socket that $NOTIFY_SOCKET names. The unit is `Type=notify`, `NotifyAccess=main`.
"""

import logging
import os
import socket
from collections.abc import Mapping

from edge.ports import Notifier

_log = logging.getLogger(__name__)

_SEND_TIMEOUT_S = 1.0
"""The manager's queue is full only when it hangs itself; our main thread must not hang with it."""


class SystemdNotifier:
    """The Notifier port over a datagram socket; one thread calls it.

    A message that cannot be sent is logged once and dropped. If it was a watchdog message, the manager restarts us,
    which is right.
    """

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        """`address` is an absolute path, or `@name` for an abstract socket."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_s = watchdog_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(_SEND_TIMEOUT_S)
        self._failing = False

    @property
    def watchdog_s(self) -> float | None:
        """WatchdogSec= of the unit, in seconds; None when it has none."""
        return self._watchdog_s

    def ready(self, status: str) -> None:
        """Start-up is complete; `status` is what `systemctl status` shows."""
        self._send("READY=1\nSTATUS=" + " ".join(status.split()))

    def slow(self, seconds: float) -> None:
        """The start goes on, and may take so much longer than TimeoutStartSec= allows."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def watchdog(self) -> None:
        """Every loop made progress."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Shutdown has begun."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Release the socket; safe to call twice."""
        self._socket.close()

    def _send(self, message: str) -> None:
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._failing:
                _log.warning("cannot reach the service manager at $NOTIFY_SOCKET: %s", error)
            self._failing = True
        else:
            self._failing = False


class SilentNotifier:
    """The Notifier port where no service manager listens: a shell, a test, the demo."""

    @property
    def watchdog_s(self) -> float | None:
        """None: there is no watchdog."""
        return None

    def ready(self, status: str) -> None:
        """Does nothing."""

    def slow(self, seconds: float) -> None:
        """Does nothing."""

    def watchdog(self) -> None:
        """Does nothing."""

    def stopping(self) -> None:
        """Does nothing."""


def notifier_from(environment: Mapping[str, str], pid: int | None = None) -> Notifier:
    """The notifier that the environment asks for; `pid` is ours unless a test says otherwise."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")) or len(address) < 2:
        if address:
            _log.warning(
                "$NOTIFY_SOCKET is %r: neither a path nor an abstract name, so nothing is notified", address
            )
        return SilentNotifier()
    return SystemdNotifier(address, _watchdog_s(environment, os.getpid() if pid is None else pid))


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    """$WATCHDOG_USEC in seconds, when it is meant for this process ($WATCHDOG_PID)."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    limit = environment.get("WATCHDOG_USEC", "")
    if not limit:
        return None
    if not (limit.isascii() and limit.isdigit() and int(limit) > 0):
        _log.warning("$WATCHDOG_USEC is %r: not a number of microseconds, so the watchdog is not fed", limit)
        return None
    return int(limit) / 1e6
