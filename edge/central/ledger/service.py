"""The ledger as a running service: stores the records that arrive from the broker, and publishes receipts for them.

While the database cannot be written, the service acknowledges nothing to the broker and sends no receipt. Messages
that arrived are held in memory; the broker and the terminals keep the rest until the database can be written again.
"""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from edge.adapters.mqtt.mailbox import Receive
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker.client import ledger_link
from edge.central.broker.turn import HeldName, turn
from edge.central.ledger.intake import IntakeVerdict, Ledger, Outcome, RejectReason
from edge.central.ledger.pulse import Pulse
from edge.central.ledger.quota import DAILY
from edge.central.ledger.silent_broker import Deaf
from edge.central.ledger.strangers import OF_STRANGERS, Strangers
from edge.central.ledger.terminal_claims import ClaimRecorder
from edge.central.store.records import Store
from edge.crypto.key_files import load_identity
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.errors import LedgerError, LedgerStalled, SmartClockerError
from edge.ports import Acknowledged, Connected, Disconnected

START_BOUND_S = 15.0
STOP_BOUND_S = 5.0
_IDLE_S = 0.5
_BATCH = 64
"""Messages in one commit at most."""
_COALESCING_S = 0.02
_BUSY_S = 2.0
"""How long a batch waits for another process's transaction before it is tried again later."""
_RETRY_FIRST_S, _RETRY_MAX_S = 0.5, 10.0
"""Pauses between attempts while the database cannot be written."""
_MAX_HELD = 1_000
"""Messages that are held in memory at most. Above it, messages of earlier connections are dropped: the broker still
has them and delivers them again.
"""
_SUCCEED_S = 3.0
"""How long an earlier process with the same name may take to end."""
_MAX_SAID = 1_000
"""Number of pairs of sender and reason that are logged, each once. A flood of forged messages must not become a
flood of log lines.
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """The settings of the service."""

    uplink: UplinkSettings
    store: Path
    """The database file; it is created if it is absent."""
    key: Path
    """The file of the ledger's Ed25519 identity. The terminals pin its public half."""
    instance: str | None = None
    """The name of this instance if several ledgers share one database; each has its own session at the broker."""
    daily: int = DAILY
    """Bytes that one terminal may have stored in a day."""


@dataclass(frozen=True, slots=True)
class Watching:
    """The observations that are written beside the records, for `central gaps`."""

    sightings: ClaimRecorder
    deaf: Deaf
    strangers: Strangers
    pulse: Pulse

    def flush(self, now_ns: int, *, connected: bool) -> None:
        """Writes what is due. Raises LedgerError; then it stays due."""
        self.sightings.flush(now_ns)
        self.strangers.flush(now_ns)
        self.pulse.beat(now_ns, connected=connected)


class LedgerService:
    """Runs the ledger in the calling thread (`run`), or in its own thread (`start` and `stop`)."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self._link = ledger_link(settings.uplink, settings.instance)
        self._stopping = threading.Event()
        self._opened = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: SmartClockerError | None = None
        self._said: set[tuple[Origin | None, RejectReason]] = set()
        self._receipts_refused = False
        self._held: list[Receive] = []
        self._stalled = False
        self._dropped = 0
        self._pause_s = _RETRY_FIRST_S
        self._not_before = 0.0
        self.connected = threading.Event()
        """Set while the broker has accepted our connection and our subscription."""

    def run(self) -> None:
        """Serves until `stop` is called from another thread. Raises KeyFileError, LedgerError, BrokerError.

        If the disk is full or read-only, the service waits for it, also at the start.
        """
        key = load_identity(self._settings.key, "name the directory that `smartclocker central init` made")
        with turn(self._settings.uplink, _SUCCEED_S) as held:
            self._run(key, held)

    def _run(self, key: SigningKey, held: HeldName) -> None:
        store = self._open()
        if store is None:
            return
        with store:
            self._link.start()
            self._opened.set()
            try:
                sightings, pulse = ClaimRecorder(store), Pulse(store, self._settings.instance)
                watching = Watching(sightings, Deaf(sightings.anybody_online), Strangers(store), pulse)
                self._serve(Ledger(store, key, self._settings.daily), watching, held)
                # if this fails, `central gaps` reports this instance; that is the smaller harm
                with suppress(LedgerError):
                    pulse.end()
            finally:
                self._link.stop()

    def start(self) -> None:
        """Serves in its own thread. Returns once the database is open, or while the service waits for it.

        Raises KeyFileError, LedgerError.
        """
        self._thread = threading.Thread(target=self._run_apart, name="ledger")
        self._thread.start()
        self._opened.wait(START_BOUND_S)
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Stops the service within five seconds; calling it twice is safe. Raises the error that ended it earlier,
        if any.
        """
        self._stopping.set()
        self._link.wake()
        if self._thread is None:
            self._link.stop()
            return
        self._thread.join(STOP_BOUND_S)
        if self._thread.is_alive():
            raise LedgerError("the ledger does not stop: the disk hangs; end the process and check the disk")
        if self._error is not None:
            raise self._error

    def _run_apart(self) -> None:
        try:
            self.run()
        except SmartClockerError as error:
            self._error = error
            _log.critical("the ledger stopped: %s", error)
        finally:
            self.connected.clear()
            self._opened.set()

    def _open(self) -> Store | None:
        """The open store; None if `stop` was called first."""
        while not self._stopping.is_set():
            try:
                return Store(self._settings.store, busy_s=_BUSY_S)
            except LedgerStalled as error:
                self._stall(error)
                self._opened.set()
                self._stopping.wait(self._not_before - time.monotonic())
        return None

    def _serve(self, ledger: Ledger, watching: Watching, held: HeldName) -> None:
        while not self._stopping.is_set():
            held.keep()
            self._hold(self._collect(_COALESCING_S if ledger.waiting and not self._stalled else _IDLE_S))
            if time.monotonic() < self._not_before:
                self._forget_earlier_connections()
                continue
            try:
                self._take(ledger, watching)
                if self.connected.is_set():
                    self._answer(ledger)
                watching.flush(time.monotonic_ns(), connected=self.connected.is_set())
                self._renew_if_deaf(watching.deaf)
            except LedgerStalled as error:
                self._stall(error)
            else:
                self._resume()

    def _renew_if_deaf(self, deaf: Deaf) -> None:
        if deaf.renews(time.monotonic(), connected=self.connected.is_set()) and self._link.renew():
            _log.warning("nothing arrived although terminals are online: a new session at the broker is begun")

    def _take(self, ledger: Ledger, watching: Watching) -> None:
        """Stores all held messages, one batch at a time. A batch that raises LedgerStalled stays held."""
        if self._held:
            watching.deaf.heard(time.monotonic())
        while self._held:
            batch = self._held[:_BATCH]
            records = [one for one in batch if not _is_status(one)]
            verdicts = ledger.accept_batch([(one.message.topic, one.message.payload) for one in records])
            for one, verdict in zip(records, verdicts, strict=True):
                self._tell(one.message.topic, verdict)
                if verdict.reason in OF_STRANGERS:
                    watching.strangers.hear(one.message.topic, one.message.payload)
            for one in batch:
                if _is_status(one):
                    seen = watching.sightings.hear(one.message.topic, one.message.payload)
                    if seen is not None:
                        ledger.sighted(*seen)
                    else:
                        watching.strangers.hear_status(one.message.topic, one.message.payload)
            del self._held[: len(batch)]
            for one in batch:
                self._link.release(one)  # it is committed or rejected

    def _hold(self, received: list[Receive]) -> None:
        """Holds the messages in memory. While nothing can be stored, messages of QoS 0 are dropped, because the
        broker does not limit their number.
        """
        kept = [one for one in received if one.mid or not self._stalled]
        self._dropped += len(received) - len(kept)
        self._held += kept

    def _stall(self, error: LedgerStalled) -> None:
        if not self._stalled:
            _log.error(
                "the ledger stores nothing: %s. Meanwhile it acknowledges and receipts nothing: the terminals and "
                "the broker keep the records, and it tries again",
                error,
            )
        self._stalled = True
        self._not_before = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _RETRY_MAX_S)

    def _resume(self) -> None:
        if self._stalled:
            _log.info("the ledger stores again; it dropped %d messages of QoS 0", self._dropped)
        self._dropped = 0
        self._stalled, self._pause_s = False, _RETRY_FIRST_S

    def _forget_earlier_connections(self) -> None:
        if len(self._held) >= _MAX_HELD:
            newest = max(one.connection for one in self._held)
            self._held = [one for one in self._held if one.connection == newest]

    def _collect(self, timeout_s: float) -> list[Receive]:
        """The messages that have arrived, at most one batch. Batches become larger under load.

        Empty while _MAX_HELD messages are held: then the connection is not read, and the broker keeps the messages.
        """
        received: list[Receive] = []
        if len(self._held) >= _MAX_HELD:
            self._stopping.wait(timeout_s)
            return received
        event = self._link.next_event(timeout_s)
        while event is not None:
            match event:
                case Receive():
                    received.append(event)
                case Connected():
                    _log.info("the broker accepted the ledger")
                    self.connected.set()
                case Disconnected(reason):
                    level = logging.WARNING if self.connected.is_set() else logging.INFO
                    _log.log(level, "the broker is away: %s", reason)
                    self.connected.clear()
                case Acknowledged(_, refused):
                    self._receipt_acknowledged(refused)
            if len(received) >= _BATCH:
                break
            event = self._link.next_event(0)
        return received

    def _answer(self, ledger: Ledger) -> None:
        for reply in ledger.receipts_due(time.monotonic_ns()):
            if not self._link.publish(reply.topic, reply.wire, token=0):
                ledger.owe(reply)

    def _receipt_acknowledged(self, refused: str | None) -> None:
        if refused is not None and not self._receipts_refused:
            _log.error(
                "the broker refuses our receipts (%s): no terminal may evict a record. Let its ACL allow the user "
                "of our certificate to write smartclocker/v1/+/+/receipt",
                refused,
            )
        self._receipts_refused = refused is not None

    def _tell(self, topic: str, verdict: IntakeVerdict) -> None:
        if verdict.reason is None:
            return
        origin = topics.origin_of(topic)
        if (origin, verdict.reason) in self._said or len(self._said) >= _MAX_SAID:
            return
        self._said.add((origin, verdict.reason))
        who = f"{origin.site}/{origin.terminal}" if origin else "an unknown topic"
        level = logging.CRITICAL if verdict.outcome is Outcome.CONFLICT else logging.WARNING
        _log.log(level, "%s a message of %s: %s (logged once)", verdict.outcome.value, who, verdict.reason.value)


def _is_status(received: Receive) -> bool:
    topic = received.message.topic
    return topic.count("/") == 4 and topic.endswith("/status")  # a longer topic is a record of the kind `status`
