"""Lines over a socket, of a limited length and within one deadline for the whole conversation."""

import socket
import time


class DeadlineLines:
    """The lines of one connection. The deadline counts from the start, however slowly the peer sends."""

    def __init__(self, link: socket.socket, within_s: float) -> None:
        self._link = link
        self._deadline = time.monotonic() + within_s

    def arm(self) -> None:
        """Gives the socket the time that is left, for its next call. Raises TimeoutError when none is left."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the conversation took too long")
        self._link.settimeout(left)

    def receive(self, limit: int) -> bytes:
        """The next line without its end. The peer sends nothing after it before it gets an answer.

        Raises ValueError for a line longer than `limit` bytes or anything after it; EOFError, OSError.
        """
        found = bytearray()
        while True:
            self.arm()
            part = self._link.recv(min(4_096, limit + 2 - len(found)))
            if not part:
                raise EOFError("the peer ended the connection")
            found += part
            end = found.find(b"\n")
            if end >= 0:
                if end != len(found) - 1:
                    raise ValueError("more than one line")
                return bytes(found[:end])
            if len(found) > limit:
                raise ValueError(f"a line of more than {limit} bytes")

    def send(self, line: bytes) -> None:
        """Sends a line. Raises OSError."""
        self.arm()
        self._link.sendall(line + b"\n")
