"""The claim server: a listener on which a new terminal shows its token and gets what it needs.

A peer without a token learns only that this is a claim server. Each connection has one deadline, sends one line and
gets one answer. Connections at once and tries in a minute are limited, for each address and in all, before any TLS.
A refused connection is closed without an answer.
"""

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes

from edge.adapters.claim.deadline_lines import DeadlineLines
from edge.central.claims import server_certificate
from edge.central.claims.claim_desk import ClaimDesk
from edge.central.claims.token_store import TokenStore
from edge.domain.claim import messages
from edge.domain.claim.messages import ClaimAnswer, ClaimRequest, Refusal
from edge.domain.claim.try_limits import WINDOW_S, TryLimits, neighbourhood
from edge.errors import LedgerError, RecordError

_LOG = logging.getLogger(__name__)
WITHIN_S = 15.0
"""From the connection until the request is here, in seconds."""
ANSWER_S = 60.0
"""From the request until the answer is sent; the centre may wait 20 s for another command of its own."""
LOOK_S = 5.0
"""Seconds between two looks whether a token still counts."""
MOST_AT_ONCE = 16
MOST_OF_ONE = 4
"""Connections at once, in all and of one address."""


class ClaimServer:
    """Listens from its construction on, so that a port that is taken is an error before anything else."""

    def __init__(
        self, base: Path, listen: str, port: int, *, limits: TryLimits | None = None, within_s: float = WITHIN_S
    ) -> None:
        """Raises KeyFileError, and LedgerError where the address cannot be listened on."""
        path = server_certificate.ensure(base)
        self._context = server_certificate.context(path)
        self._certificate = server_certificate.der(path)
        self._base = base
        self._desk = ClaimDesk(base, self._certificate)
        self._limits = limits or TryLimits()
        self._within_s = within_s
        self._open: Counter[str] = Counter()
        self._said_full_s = float("-inf")
        self._counted_s = self._looked_s = 0.0
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        try:
            family = socket.AF_INET6 if ":" in listen else socket.AF_INET
            both = listen == "::" and socket.has_dualstack_ipv6()
            self._listener = socket.create_server((listen, port), family=family, backlog=32, dualstack_ipv6=both)
            self._listener.setblocking(False)
        except OSError as error:
            raise LedgerError(
                f"{listen}:{port}: cannot be listened on ({error.strerror or error}); name an address of this "
                "machine and a free port with --listen and --port"
            ) from error
        self._wake, self._woken = socket.socketpair()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def run(self, idle_s: float | None = None) -> None:
        """Serves until `stop`, or until no token has counted for `idle_s` seconds.

        Conversations that go on then are ended within their deadlines.
        """
        with self._listener, selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            self._counted_s = self._looked_s = time.monotonic()
            while True:
                ready = [key.fileobj for key, _ in selector.select(LOOK_S)]
                if self._woken in ready or (idle_s is not None and self._is_idle(idle_s)):
                    break
                if ready:
                    self._accept()
        for thread in list(self._threads):
            thread.join(self._within_s + ANSWER_S)
        self._wake.close()
        self._woken.close()

    def stop(self) -> None:
        """Ends `run`; may be called from a signal's handler."""
        with contextlib.suppress(OSError):
            self._wake.send(b"\0")

    def _is_idle(self, idle_s: float) -> bool:
        """Whether no token has counted for so long; looks once in `LOOK_S` seconds, however many connect."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return False
        self._looked_s = now_s
        if self._any_token_counts():
            self._counted_s = now_s
        if now_s - self._counted_s < idle_s:
            return False
        _LOG.info("no token has counted for %g s: the claim server ends", idle_s)
        return True

    def _any_token_counts(self) -> bool:
        try:
            with TokenStore(self._base) as tokens:
                return tokens.any_counts(datetime.now(UTC))
        except LedgerError as error:
            _LOG.warning("the tokens cannot be read: %s", error)
            return False  # else the authority's key would stay at hand for tokens that nobody can use

    def _accept(self) -> None:
        try:
            link, (address, *_) = self._listener.accept()
        except BlockingIOError:  # it went away again
            return
        except OSError as error:  # for example too many open files
            _LOG.warning("a connection could not be accepted: %s", error)
            time.sleep(0.05)
            return
        whose = neighbourhood(address)
        with self._lock:
            full = self._open.total() >= MOST_AT_ONCE or self._open[whose] >= MOST_OF_ONE
            if full or not self._limits.admit(address, time.monotonic()):
                link.close()
                self._say_full(address)
                return
            self._open[whose] += 1
        thread = threading.Thread(target=self._serve, args=(link, address, whose), name="claim", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:  # no thread is left on this machine: the others go on
            _LOG.warning("a connection could not be served: %s", error)
            link.close()
            self._done(thread, whose)

    def _say_full(self, address: str) -> None:
        """Logs that connections are refused, once a minute at most."""
        if time.monotonic() - self._said_full_s >= WINDOW_S:
            self._said_full_s = time.monotonic()
            _LOG.warning("too many connections or tries: %s is refused, as others may be for a minute", address)

    def _serve(self, plain: socket.socket, address: str, whose: str) -> None:
        try:
            with plain:
                self._converse(plain, address)
        except (OSError, EOFError, ValueError) as error:  # ssl.SSLError is an OSError, RecordError a ValueError
            _LOG.info("a connection from %s ended without a claim: %s", address, type(error).__name__)
        except Exception:  # noqa: BLE001 - one connection ends, the server goes on
            _LOG.exception("a claim from %s failed", address)
        finally:
            self._done(threading.current_thread(), whose)

    def _done(self, thread: threading.Thread, whose: str) -> None:
        """Gives the place of a connection back."""
        with self._lock:
            self._open[whose] -= 1
            if self._open[whose] <= 0:
                del self._open[whose]
        self._threads.discard(thread)

    def _converse(self, plain: socket.socket, address: str) -> None:
        with self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as link:
            lines = DeadlineLines(link, self._within_s)
            lines.arm()
            link.do_handshake()
            nonce = token_bytes(messages.NONCE_BYTES)
            lines.send(messages.greeting(nonce))
            answer = self._answer(lines.receive(messages.MOST_REQUEST), nonce)
            if isinstance(answer, Refusal):
                _LOG.warning("a claim from %s was refused: %s", address, answer)
            line = messages.write_refusal(answer) if isinstance(answer, Refusal) else messages.write_message(answer)
            DeadlineLines(link, ANSWER_S).send(line)

    def _answer(self, line: bytes, nonce: bytes) -> ClaimAnswer | Refusal:
        try:
            request: ClaimRequest = messages.read_request(line)
        except RecordError:
            return Refusal.MALFORMED
        return self._desk.answer(request, nonce)
