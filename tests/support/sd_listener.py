"""The other end of sd_notify: what a service manager hears. For the benchmark and the tests."""

import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class NotifyListener:
    """A datagram socket at `path`, to be named in a child's $NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        """Bind; `path` must not exist and must fit a socket address (some 100 characters)."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(str(path))

    def next(self, timeout_s: float) -> str | None:
        """The next message, e.g. "READY=1\\nSTATUS=…"; None when none came in time."""
        self._socket.settimeout(max(timeout_s, 0.001))
        try:
            return self._socket.recv(4096).decode()
        except TimeoutError:
            return None

    def wait_for(self, word: str, timeout_s: float) -> bool:
        """Drop messages until one has `word` in it; False when none came in time."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            message = self.next(left)
            if message is not None and word in message:
                return True
        return False

    def __enter__(self) -> Self:
        """Already listening."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; the file stays."""
        self._socket.close()
