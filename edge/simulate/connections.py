"""The connections to the simulator's server: one that asks nothing does not keep its place.

Everybody on this machine can connect, before any token is looked at. uvicorn waits for a request for ever, and
refuses all further ones when too many connections stand.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 5.0
"""Seconds in which the head of a request must have come, from the connection's begin or the answer before."""
MOST_SILENT = 64
"""Connections that may stand without a request; one more ends the one that has been silent for longest."""


class PageConnection(H11Protocol):
    """One connection; its methods are called on the event loop's thread."""

    silent_since_s = 0.0
    """When it began to be silent, on the loop's clock."""
    _timer: asyncio.TimerHandle | None = None

    @property
    def silent(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_request()
        others = [one for one in self.connections if isinstance(one, PageConnection) and one.silent]
        if len(others) > MOST_SILENT:
            min(others, key=lambda one: one.silent_since_s).end()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        loop: Any = self.loop
        self.silent_since_s = loop.time()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(REQUEST_S, self._give_up)

    def _give_up(self) -> None:
        if self.silent:
            self.end()

    def end(self) -> None:
        """End it, with no word."""
        self.connections.discard(self)  # at once: asyncio tells of the end only in the next turn of its loop
        self.transport.abort()
