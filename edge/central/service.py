"""The ledger as a running service: from the broker's queue into the database, from there the receipts back."""

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edge.adapters.mqtt_mail import Receive
from edge.adapters.mqtt_tls import UplinkSettings
from edge.central.client import ledger_link
from edge.central.ledger import Ledger, Outcome, Reason, Verdict
from edge.central.store import Store
from edge.domain import topics
from edge.domain.records import Origin
from edge.errors import LedgerError, SmartClockerError
from edge.journal.keys import load_identity
from edge.ports import Acknowledged, Connected, Disconnected

START_BOUND_S = 15.0
STOP_BOUND_S = 5.0
_IDLE_S = 0.5
_BATCH = 64
"""Messages in one commit."""
_COALESCING_S = 0.02
_MAX_SAID = 1_000
"""Kinds of rejection that are logged, each once: a flood of forgeries must not become a flood of lines."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What the service needs."""

    uplink: UplinkSettings
    store: Path
    """The database; created when absent."""
    key: Path
    """The ledger's Ed25519 identity, whose public half the terminals pin."""


class LedgerService:
    """Runs in the calling thread (`run`), or in one of its own (`start` and `stop`)."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self._link = ledger_link(settings.uplink)
        self._stopping = threading.Event()
        self._opened = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: SmartClockerError | None = None
        self._said: set[tuple[Origin | None, Reason]] = set()
        self._receipts_refused = False
        self.connected = threading.Event()
        """Set while the broker has accepted us and our subscription."""

    def run(self) -> None:
        """Serve until `stop` is called from elsewhere. Raises KeyFileError, LedgerError, BrokerError."""
        key = load_identity(self._settings.key)
        with Store(self._settings.store) as store:
            self._link.start()
            self._opened.set()
            try:
                self._serve(Ledger(store, key))
            finally:
                self._link.stop()

    def start(self) -> None:
        """Serve in a thread; returns once the database is open. Raises KeyFileError, LedgerError."""
        self._thread = threading.Thread(target=self._run_apart, name="ledger")
        self._thread.start()
        self._opened.wait(START_BOUND_S)
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it within five seconds; safe to call twice. Raises what ended it earlier, if anything did."""
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

    def _serve(self, ledger: Ledger) -> None:
        while not self._stopping.is_set():
            received = self._collect(_COALESCING_S if ledger.waiting else _IDLE_S)
            if received:
                messages = [(entry.message.topic, entry.message.payload) for entry in received]
                verdicts = ledger.accept_batch(messages)
                for entry, verdict in zip(received, verdicts, strict=True):
                    self._link.release(entry)  # committed, or refused for good
                    self._tell(entry.message.topic, verdict)
            if self.connected.is_set():
                self._answer(ledger)

    def _collect(self, timeout_s: float) -> list[Receive]:
        """What has arrived, up to one batch: under load the batches grow by themselves."""
        received: list[Receive] = []
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
                "the broker refuses our receipts (%s): no terminal may forget anything. Let its ACL allow the user "
                "of our certificate to write smartclocker/v1/+/+/receipt",
                refused,
            )
        self._receipts_refused = refused is not None

    def _tell(self, topic: str, verdict: Verdict) -> None:
        if verdict.reason is None:
            return
        origin = topics.origin_of(topic)
        if (origin, verdict.reason) in self._said or len(self._said) >= _MAX_SAID:
            return
        self._said.add((origin, verdict.reason))
        who = f"{origin.site}/{origin.terminal}" if origin else "a topic that is none of ours"
        level = logging.CRITICAL if verdict.outcome is Outcome.CONFLICT else logging.WARNING
        _log.log(level, "%s a message of %s: %s (said once)", verdict.outcome.value, who, verdict.reason.value)
