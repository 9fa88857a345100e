"""A connection to the broker that is made again whenever it ends: one thread takes commands and delivers events.

paho's own reconnecting has no jitter and hides why an attempt failed, and its client keeps unsent messages in
memory. Here each attempt has a new client. Messages that the last one still held are forgotten, because the journal
and the broker remember them.
"""

import logging
import ssl
import threading
from random import SystemRandom

from edge.adapters.mqtt.connection import Connection, ConnectionContext
from edge.adapters.mqtt.event_queue import Events
from edge.adapters.mqtt.mailbox import Identity, Mailbox, Publish, Receive, Refresh, Release, Renew, ThreadDied
from edge.adapters.mqtt.tls import UplinkSettings, client_context
from edge.errors import BrokerError, KeyFileError
from edge.ports import Acknowledged, Connected, Disconnected

STOP_BOUND_S = 2.0
"""`stop` returns within this time, whatever the network does."""
_STOP_AWAY_S = 0.1
_STABLE_S = 10.0
"""After a connection of this length, the pauses begin again at the shortest. Clients that evict each other never
reach it.
"""

_log = logging.getLogger(__name__)


class MqttLink:
    """The connection. `start` and `stop` belong to one owner; any thread may call the rest.

    Certificate, key and CA are read again for each attempt, so that nothing need be restarted after they are
    renewed on the disk. While a renewal is half done, the files that were read before are used.
    """

    def __init__(self, settings: UplinkSettings, identity: Identity) -> None:
        self._settings = settings
        self._identity = identity
        self._events = Events(self._ring)
        self._mailbox: Mailbox | None = None
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None
        self._usable: ssl.SSLContext | None = None
        self._told = ""
        self.unusable = False
        """Whether certificate, key or CA could not be used at the last attempt; any thread may read it."""
        self.faults = 0
        """Number of attempts and connections that an unexpected error ended; any thread may read it."""

    def start(self, *, patient: bool = False) -> None:
        """Begin to connect. Raises BrokerError when it was started before, KeyFileError for unusable files.

        `patient`: files that cannot be used raise no error; they are the reason of Disconnected until they are
        mended.
        """
        if self._thread is not None or self._stopping.is_set():
            raise BrokerError("this connection was started before; make a new one")
        if not patient:
            client_context(self._settings)
        mailbox = self._mailbox = Mailbox()
        flags = threading.Event(), threading.Event()
        wires = ConnectionContext(self._settings, self._identity, mailbox, self._events, self._stopping, *flags)
        self._thread = threading.Thread(target=self._run, args=(wires,), name="mqtt", daemon=True)
        self._thread.start()

    def publish(
        self, topic: str, payload: bytes, *, token: int, retain: bool = False, expiry_s: int | None = None
    ) -> bool:
        """Hand over one QoS 1 message; False when not connected or too many wait, and then nothing is queued.

        The broker drops the message after `expiry_s` seconds, delivered or not.
        """
        connection, mailbox = self._connection, self._mailbox
        if mailbox is None or connection is None or not connection.up:
            return False
        command = Publish(topic, payload, token, retain, connection.number, expiry_s)
        if not connection.outgoing.admit(command):
            return False
        mailbox.put(command)
        return True

    def release(self, received: Receive) -> None:
        """Acknowledge to the broker that this message is stored here; no effect when its connection has ended."""
        if self._mailbox is not None:
            self._mailbox.put(Release(received.mid, received.connection))

    def refresh(self) -> bool:
        """Ask the broker to send everything that it retains; False when not connected."""
        connection, mailbox = self._connection, self._mailbox
        if mailbox is None or connection is None or not connection.up:
            return False
        mailbox.put(Refresh(connection.number))
        return True

    def renew(self) -> bool:
        """End this connection, and begin a new session at the broker with the next; False when not connected."""
        connection, mailbox = self._connection, self._mailbox
        if mailbox is None or connection is None or not connection.up:
            return False
        mailbox.put(Renew(connection.number))
        return True

    def next_event(self, timeout_s: float) -> Connected | Disconnected | Acknowledged | Receive | None:
        """The next event in order; None when none comes in time, or when `wake` was called.

        Raises BrokerError when an unexpected error ended the thread: its traceback is on stderr.
        """
        event = self._events.get(timeout_s)
        if isinstance(event, ThreadDied):
            raise BrokerError("the thread that speaks to the broker died; report the traceback above and restart")
        return event

    def wake(self) -> None:
        """Make a waiting `next_event` return None now."""
        self._events.wake()

    def stop(self) -> None:
        """Send what was published, disconnect without the last will, and end the thread; within two seconds."""
        self._stopping.set()
        if self._thread is None or self._mailbox is None:
            return
        connection = self._connection
        self._mailbox.ring()
        # A name server or a firewall that does not answer may hold the thread in a call for seconds. Without a
        # connection, `stop` does not wait for that: the thread is a daemon, and checks the flag before it sends
        # anything.
        self._thread.join(STOP_BOUND_S if connection is not None and connection.up else _STOP_AWAY_S)

    def _ring(self) -> None:
        if self._mailbox is not None:
            self._mailbox.ring()

    def _run(self, wires: ConnectionContext) -> None:
        died = True
        try:
            self._keep_connected(wires)
            died = False
        finally:
            self._connection = None
            wires.mailbox.close()
            if died:
                self._events.put(ThreadDied())

    def _keep_connected(self, wires: ConnectionContext) -> None:
        said: set[str] = set()
        number = attempt = 0
        while not self._stopping.is_set():
            number += 1
            reason, lasted_s = self._attempt(wires, number)
            if self._stopping.is_set():
                return
            if lasted_s > 0:
                said.clear()
            attempt = 0 if lasted_s >= _STABLE_S else attempt
            if reason not in said:  # one event for each new reason, not for each attempt
                said.add(reason)
                self._events.put(Disconnected(reason))
            self._stopping.wait(_pause_s(attempt, self._settings))
            attempt += 1

    def _attempt(self, wires: ConnectionContext, number: int) -> tuple[str, float]:
        """Make one connection; returns why it ended, and how long it was up."""
        context = self._context()
        if isinstance(context, str):
            return context, 0.0
        connection: Connection | None = None
        try:
            connection = self._connection = Connection(wires, context, number)
            reason = connection.run()
        except Exception as error:  # noqa: BLE001 - a library that trips over a packet must not end the terminal
            self.faults += 1
            reason = f"an error that nobody foresaw ({type(error).__name__}); report it, with the log's traceback"
            _log.log(logging.ERROR if self.faults == 1 else logging.DEBUG, "%s", reason, exc_info=True)
        return reason, 0.0 if connection is None else connection.lasted_s

    def _context(self) -> ssl.SSLContext | str:
        """The TLS context of our files, or of the last usable ones; when there is none, a text that says why."""
        try:
            self._usable = client_context(self._settings)
        except KeyFileError as error:
            wrong = str(error)
        except OSError as error:  # the file is being replaced now
            wrong = f"certificate, key or CA cannot be read ({error.strerror or error}); they are tried again"
        else:
            self.unusable, self._told = False, ""
            return self._usable
        self.unusable = True
        if self._usable is None:
            return wrong
        if wrong != self._told:
            self._told = wrong
            _log.error("the files that were read before are used until this is mended: %s", wrong)
        return self._usable


def _pause_s(attempt: int, settings: UplinkSettings) -> float:
    # The maximum is reached long before 2^16 seconds.
    ceiling = min(settings.backoff_max_s, settings.backoff_first_s * 2 ** min(attempt, 16))
    return SystemRandom().uniform(ceiling / 2, ceiling)
