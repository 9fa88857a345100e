"""The publisher: a record is sent while there is a connection, and kept until the ledger's receipt covers it.

A PUBACK says that the broker has a record. That does not prove that the ledger will ever have it, so that only a
signed receipt moves the watermark. `edge.terminal.uplink.send_window` decides what is sent when, and
`edge.terminal.uplink.resend_handler` what the ledger's commands ask for.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from nacl.signing import VerifyKey

from edge.crypto.dsse import Envelope
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.domain.protocol.resend_command import Resend
from edge.errors import JournalAltered, JournalDamaged, JournalError
from edge.journal.journal import Journal, OutgoingRecord, ReceiptEffect
from edge.ports import Acknowledged, Clock, Connected, Disconnected, Message, Uplink, UplinkEvent
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.runtime.alarms import Alarm, Alarms
from edge.terminal.runtime.status_source import StatusSource, StatusSources
from edge.terminal.uplink.counters import Counters
from edge.terminal.uplink.held_receipts import HeldReceipts
from edge.terminal.uplink.resend_handler import BATCH, ResendHandler
from edge.terminal.uplink.roster_client import Roster
from edge.terminal.uplink.send_window import BEHIND_S, Delivery
from edge.terminal.uplink.site_records import SiteRecords
from edge.terminal.uplink.status import TOKEN, StatusReporter
from edge.terminal.uplink.unreceipted import Waiting
from edge.terminal.uplink.verified_messages import (
    CentreMessage,
    CentreMessages,
    GenuineReceipt,
    RejectedCommand,
    RejectedReceipt,
    SealedOrder,
)

_EVENTS_A_ROUND = 256
_SECOND = 1_000_000_000
_KEEP_NS = _SECOND // 10
"""How long a receipt waits to be written down while records flow: each write costs a sync of the card."""

_log = logging.getLogger(__name__)


class Publisher:
    """The publisher. One thread calls `open`, `run_once` repeatedly, and `close`; any thread may call `wake`."""

    def __init__(
        self,
        uplink: Uplink,
        journal_factory: Callable[[], Journal],
        origin: Origin,
        ledger_keys: Mapping[str, VerifyKey],
        clock: Clock,
        *,
        window: int = 128,
        resend_s: float = 10.0,
        behind_s: float = BEHIND_S,
        status: StatusSource | None = None,
        orders: OrderHandler | None = None,
        roster: Roster | None = None,
        site: SiteRecords | None = None,
    ) -> None:
        """`ledger_keys` are the pinned keys, by key id. `window` bounds the records sent beyond the last receipt.

        `behind_s`: after this time without another receipt, a receipt that covers less than an earlier one is
        believed. `status` is what the rest of the program adds to the retained status. Without `orders`, the
        authority's orders are refused. `site` takes the records of the site's other terminals.
        """
        self.counters = Counters()
        self.connected = False
        self.away: str | None = None
        """Why the terminal does not reach the broker; None while it does."""
        self._uplink, self._journal_factory, self._origin = uplink, journal_factory, origin
        self._clock = clock
        self._alarms = Alarms()
        self._delivery = Delivery(
            window, round(resend_s * _SECOND), round(behind_s * _SECOND), self._alarms, self.counters
        )
        self._waiting = Waiting(self._delivery, self._alarms)
        self._messages = CentreMessages(origin, ledger_keys, orders=orders is not None)
        self._receipts = HeldReceipts()
        self._commands = ResendHandler(clock, self.counters)
        self._orders = orders
        self._roster, self._site = roster, site
        self._was_connected = False
        self._opened: Journal | None = None
        self._token = TOKEN
        self._parts = StatusSources(roster, orders, site)
        self._status_reporter = StatusReporter(
            uplink, origin, clock, self._alarms, StatusSources(status, self._parts)
        )
        self._unwritable = False
        self._keep_at = 0

    @property
    def alarms(self) -> frozenset[str]:
        """Alarm words of `edge.terminal.runtime.alarms`."""
        return self._alarms.words | self._parts.alarms

    @property
    def refused(self) -> str | None:
        """The reason code with which the broker refuses our records; None while it takes them."""
        return self._delivery.refused

    def open(self) -> None:
        """Open the journal on this thread and begin to connect. Raises JournalError, KeyFileError."""
        self._opened = self._journal_factory()
        self._receipts.covered = self._opened.watermark()
        if self._roster is not None:
            self._roster.open()
        self._uplink.start()

    def wake(self) -> None:
        """Send a record that was appended just now."""
        self._uplink.wake()

    def run_once(self, timeout_s: float) -> None:
        """Wait for one event, handle the others that are there, and send what is due. Raises JournalError.

        Records that another process appended are found after `timeout_s` at the latest.
        """
        self._take(self._uplink.next_event(timeout_s))
        for _ in range(_EVENTS_A_ROUND):
            event = self._uplink.next_event(0)
            if event is None:
                break
            self._take(event)
        if self._roster is not None:
            self._roster.settle(self._journal)
            if self.connected and self._roster.wants_all() and self._uplink.refresh():
                self._roster.asked()
        if self._site is not None:
            self._site.settle(self._journal)
        busy = self.connected and self._send()
        if (orders := self._orders) is not None:
            with self._writing():
                orders.look(self._journal)
        if not busy or self._clock.monotonic_ns() >= self._keep_at:
            self._keep()
        self._uplink.handled()  # what came is on the disk now: the broker sends the site's records once
        if self.connected:
            self._waiting.turn(self._clock.monotonic_ns(), self._pending)
            if self._waiting.wants_renewal() and self._uplink.renew():
                _log.warning("no receipt came although records were sent again: a new session at the broker begins")
            self._status_reporter.tell(self._journal, self._delivery, self.counters)

    def close(self) -> None:
        """Report a clean stop, so that the silence does not look like a failure, and release all; safe to call
        twice.
        """
        if self.connected:
            self._status_reporter.goodbye(self._journal, self._delivery, self.counters)
            self.connected = False
        if self._orders is not None:
            self._orders.close()
        self._uplink.handled()  # a message at which something failed does not come for ever
        self._uplink.stop()
        if self._opened is not None:
            try:
                self._keep()
            finally:
                self._opened.close()
                self._opened = None
        if self._roster is not None:
            self._roster.close()
        if self._site is not None:
            self._site.close()

    def _take(self, event: UplinkEvent | None) -> None:
        match event:
            case None:
                pass
            case Connected():
                self._arrived(event)
            case Disconnected(reason):
                self._lost(reason)
            case Acknowledged():
                self._acknowledged(event)
            case Message(topic, payload):
                message = self._messages.open(topic, payload)
                if message is not None:
                    self._hear(message)
                elif self._roster is not None and self._roster.take(topic, payload):
                    pass
                elif self._site is not None:
                    self._site.take(topic, payload)

    def _hear(self, message: CentreMessage) -> None:
        """Handle a message of the ledger or the authority. Raises JournalDamaged, JournalAltered."""
        match message:
            case GenuineReceipt():
                self._receipt(message)
            case RejectedReceipt(why):
                self.counters.receipts_rejected += 1
                self._waiting.rejected(why, self._clock.monotonic_ns())
            case Resend():
                with self._writing():
                    self._commands.take(message, self._journal)
            case SealedOrder(envelope):
                with self._writing():
                    self._order(envelope)
            case RejectedCommand():
                self.counters.commands_rejected += 1

    def _order(self, envelope: Envelope) -> None:
        if self._orders is not None and self._orders.take(envelope, self._journal):
            self.counters.commands += 1
        else:
            self.counters.commands_rejected += 1

    def _arrived(self, event: Connected) -> None:
        if self.away is not None:
            _log.info("the broker is back; sending what waited")
        self.counters.reconnects += self._was_connected
        self.connected, self._was_connected, self.away = True, True, None
        self._commands.interrupted()
        self._receipts.covered = max(self._receipts.covered, self._journal.watermark())
        self._delivery.arrived(self._receipts.covered, self._clock.monotonic_ns())
        if self._roster is not None:
            self._roster.connected()
        if self._site is not None:
            self._site.connected(event.denied)
        self._status_reporter.forget()

    def _lost(self, reason: str) -> None:
        if self.away is None:
            _log.warning("the broker is away: %s. Records are kept and sent when it is back", reason)
        else:
            _log.info("the broker is still away: %s", reason)
        self.connected, self.away = False, reason
        self._waiting.away()
        if self._roster is not None:
            self._roster.disconnected()
        if self._site is not None:
            self._site.disconnected()

    def _send(self) -> bool:
        """Send what is due; returns whether a record was sent that no command asked for."""
        now, before = self._clock.monotonic_ns(), self.counters.sent
        for outgoing in self._due(now):
            token = self._publish(outgoing)
            if token is None:
                return False  # the connection is gone; Disconnected follows
            self._delivery.passed_on(outgoing.seq, token, now)
            self.counters.sent += 1
        room = int(self._delivery.may_probe(now)) if self._delivery.holding else BATCH
        for outgoing in self._commands.due(self._journal, room):
            token = self._publish(outgoing)
            if token is None:
                return False
            self._commands.passed_on(outgoing.seq, token)
        return self.counters.sent > before

    def _due(self, now: int) -> list[OutgoingRecord]:
        """The records to send now that no command asked for."""
        after, limit = self._delivery.due(now)
        found = self._journal.envelopes(after, limit) if limit else []
        if found and found[0].seq > after + 1 and self._imported():
            return self._due(now)  # the records that are gone had a receipt
        return found

    def _imported(self) -> bool:
        """Whether another process wrote a newer receipt into the journal, for example from a stick; it counts."""
        watermark = self._journal.watermark()
        if watermark <= self._receipts.covered:
            return False
        self._receipts.covered = watermark
        self._delivery.covered(watermark, watermark, self._clock.monotonic_ns(), heard=False)
        return True

    def _publish(self, outgoing: OutgoingRecord) -> int | None:
        """Send a record; returns the token of the broker's answer, None when not connected."""
        self._token += 1
        topic = topics.record(self._origin, outgoing.kind)
        if not self._uplink.publish(topic, outgoing.wire, token=self._token):
            return None
        if self._site is not None:
            self._site.sent(outgoing.kind)
        return self._token

    def _acknowledged(self, answer: Acknowledged) -> None:
        if answer.token == TOKEN:
            self._status_reporter.acknowledged(answer.refused)
            return
        now, took_before = self._clock.monotonic_ns(), self._delivery.refused is None
        taken = answer.refused is None and not answer.unheard
        if self._commands.acknowledged(answer.token, taken):
            self._delivery.answered(answer.refused, answer.unheard, now)
        elif not self._delivery.acknowledged(answer.token, answer.refused, answer.unheard, now):
            return
        self.counters.acked += taken
        self.counters.refused += answer.refused is not None
        if answer.refused is not None and took_before:
            _log.error(
                "the broker refuses our records (%s). They are kept and tried again; let its ACL allow the "
                "user of our certificate to write %s, or raise its quota",
                answer.refused,
                topics.record(self._origin, "+"),
            )

    def _receipt(self, genuine: GenuineReceipt) -> None:
        self._waiting.genuine()
        if Alarm.FORK in self._alarms:
            return  # a ledger with another chain releases no more records
        effect, upto = None, genuine.receipt.upto
        with self._writing():
            effect = self._receipts.take(genuine, self._journal)
        match effect:
            case ReceiptEffect.ADVANCED | ReceiptEffect.STALE:
                self.counters.receipts += 1
                self._delivery.covered(upto, self._receipts.covered, self._clock.monotonic_ns())
            case ReceiptEffect.FOREIGN:
                self.counters.receipts_rejected += 1
            case ReceiptEffect.FORK:
                self.counters.receipts_rejected += 1
                self._forked(upto)

    def _keep(self) -> None:
        if self._receipts.held:
            with self._writing():
                self._receipts.keep(self._journal)
            self._keep_at = self._clock.monotonic_ns() + _KEEP_NS

    def _forked(self, upto: int) -> None:
        self._alarms.begin(
            Alarm.FORK,
            logging.CRITICAL,
            "the ledger's chain is not ours at record %d: this journal was copied, restored or altered, or "
            "the ledger was. Nothing is released any more; keep this disk and compare both with "
            "`smartclocker journal verify`",
            upto,
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A context that ends early when the disk cannot be written now, because the centre sends the same again.

        Raises JournalDamaged, JournalAltered: a journal that cannot be trusted is not waited for.
        """
        try:
            yield
        except (JournalDamaged, JournalAltered):
            raise
        except JournalError as error:
            if not self._unwritable:
                _log.error("what the centre sent cannot be stored: %s", error)
            self._unwritable = True
        else:
            self._unwritable = False

    def _pending(self) -> bool:
        self._imported()
        return self._journal.head().seq > self._receipts.covered

    @property
    def _journal(self) -> Journal:
        if self._opened is None:
            raise RuntimeError("call open() first, on the thread that calls run_once()")
        return self._opened
