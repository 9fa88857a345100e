"""The simulator's server on loopback: uvicorn on a thread, so that the main thread can wait for the end."""

import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from edge.errors import SmartClockerError
from edge.simulate.app import SimulatorPages
from edge.simulate.connections import PageConnection
from edge.simulate.gate import PageGate
from edge.simulate.site import SimulatedSite

LOOPBACK = "127.0.0.1"
START_S = 30.0
_MOST_CONNECTIONS = 100
_GRACE_S = 2


@dataclass(frozen=True)
class PageServer:
    """A server that answers."""

    url: str
    """The whole address, with its token."""
    port: int
    ended: threading.Event
    """Set when the server has ended by itself, by an error that its log tells."""


def bound(port: int) -> socket.socket:
    """A socket on loopback; `port` 0 takes any free one. Raises SmartClockerError with the cure."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        listening.close()
        raise SmartClockerError(
            f"port {port} on {LOOPBACK} cannot be used ({error.strerror}); name another --port, or none"
        ) from error
    return listening


@contextmanager
def served(site: SimulatedSite, listening: socket.socket, token: str | None = None) -> Iterator[PageServer]:
    """Serve the site's page on a bound socket until the block ends. Raises SmartClockerError."""
    token = token or secrets.token_urlsafe(24)
    port = int(listening.getsockname()[1])
    gate = PageGate(SimulatorPages(site).application(), token, port)
    settings = uvicorn.Config(
        gate,
        access_log=False,  # each line would hold the token
        date_header=False,
        http=PageConnection,
        limit_concurrency=_MOST_CONNECTIONS,
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,  # everybody on this machine can cause its warnings
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        ws="none",
    )
    server = uvicorn.Server(settings)
    ended = threading.Event()

    def serve() -> None:
        try:
            server.run(sockets=[listening])
        finally:
            ended.set()

    thread = threading.Thread(target=serve, name="pages", daemon=True)
    thread.start()
    try:
        _await_started(server, ended)
        yield PageServer(f"http://{LOOPBACK}:{port}/{token}/", port, ended)
    finally:
        site.guided.close()
        site.events.close()
        server.should_exit = True
        thread.join(_GRACE_S * 3)
        listening.close()


def _await_started(server: uvicorn.Server, ended: threading.Event) -> None:
    waiting = threading.Event()
    for _ in range(int(START_S / 0.02)):
        if server.started:
            return
        if ended.is_set():
            break
        waiting.wait(0.02)
    raise SmartClockerError("the page's server did not start; its log above says why")
