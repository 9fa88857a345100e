"""The way of a record to the ledger: sent while connected, kept until the ledger's signed receipt covers it.

A PUBACK says that the broker has it, which is no proof that anyone ever will; only a receipt moves the watermark.
So sending again is always safe, and is the answer to every doubt: a lost connection, a restarted broker, a ledger
that was away, one that was restored from an older backup.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nacl.signing import VerifyKey

from edge.domain import receipts, topics
from edge.domain.records import Origin
from edge.errors import RecordError
from edge.journal import envelope
from edge.journal.ring import Acknowledgement, Ring
from edge.ports import Acknowledged, Clock, Connected, Disconnected, Message, Uplink, UplinkEvent
from edge.terminal.status import Online, online, stopped

STATUS_EVERY_S = 60.0
RESEND_GROWTH_LIMIT = 30
"""A ledger that is away is asked ever less often, down to this many `resend_s` (five minutes at ten seconds): every
copy waits in the broker's queue until it returns."""
RETRY_FIRST_S, RETRY_MAX_S = 1.0, 60.0
"""Pauses between probes of a broker that refuses our records, or has nobody to give them to."""
FORK = "fork"
"""Alarm: the ledger's chain is not ours. Nothing is released until a person has looked."""
LEDGER_BEHIND = "ledger-behind"
"""Alarm: the ledger lost records that it had receipted; they are sent again."""
NO_LEDGER = "no-ledger"
"""Alarm: nobody is subscribed to our records."""
_EVENTS_A_ROUND = 256
_SECOND = 1_000_000_000
_STATUS_TOKEN = 0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """Since the start of the process."""

    sent: int = 0
    acked: int = 0
    """By the broker."""
    refused: int = 0
    """By the broker: PUBACKs with a failure."""
    resends: int = 0
    """How often the unreceipted records were sent again for want of a receipt."""
    receipts: int = 0
    """Genuine ones, new or repeated."""
    receipts_rejected: int = 0
    """Malformed, of a wrong key, of another terminal or epoch, or of another chain."""
    reconnects: int = 0


class Publisher:
    """One thread calls `open`, `run_once` again and again, and `close`; any thread may call `wake`."""

    def __init__(
        self,
        uplink: Uplink,
        ring_factory: Callable[[], Ring],
        origin: Origin,
        ledger_keys: Mapping[str, VerifyKey],
        clock: Clock,
        *,
        window: int = 64,
        resend_s: float = 10.0,
        status: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """`ledger_keys` are the pinned ones, by key id; `window` bounds the records sent beyond the last receipt.

        `status` adds to the retained status: its `alarms`, a list of words, join ours, the rest are counters. It is
        called on the publishing thread.
        """
        self.counters = Counters()
        self.connected = False
        self.away: str | None = None
        """Why the broker is not reached; None while it is."""
        self.refused: str | None = None
        """The reason code with which the broker refuses our records."""
        self._uplink, self._ring_factory, self._origin = uplink, ring_factory, origin
        self._keys, self._clock, self._status = ledger_keys, clock, status
        self._window, self._resend_ns = window, round(resend_s * _SECOND)
        self._was_connected = False
        self._ring: Ring | None = None
        self._alarms: set[str] = set()
        self._tokens: dict[int, int] = {}
        self._next_token = _STATUS_TOKEN + 1
        self._base = 0
        """What the ledger is believed to cover; the watermark, unless it has lost records that it receipted."""
        self._claimed: int | None = None
        """The last genuine receipt that covered less than `_base`."""
        self._sent = 0
        self._patience_ns = self._resend_ns
        self._resend_at = 0
        self._pause_s = RETRY_FIRST_S
        self._not_before = 0
        self._status_at = 0
        self._status_said: tuple[object, ...] = ()
        self._status_refused = False

    @property
    def alarms(self) -> frozenset[str]:
        """Words for what needs a person: FORK, LEDGER_BEHIND, NO_LEDGER."""
        return frozenset(self._alarms)

    def open(self) -> None:
        """Open the journal on this thread and begin to connect. Raises JournalError, KeyFileError."""
        self._ring = self._ring_factory()
        self._uplink.start()

    def wake(self) -> None:
        """A record was appended: send it now."""
        self._uplink.wake()

    def run_once(self, timeout_s: float) -> None:
        """Wait for one event, take what else is there, send what is due. Raises JournalError."""
        self._take(self._uplink.next_event(timeout_s))
        for _ in range(_EVENTS_A_ROUND):
            event = self._uplink.next_event(0)
            if event is None:
                break
            self._take(event)
        if self.connected:
            self._send()
            self._tell()

    def close(self) -> None:
        """Say goodbye, so that nobody takes the silence for a failure, and release both; safe to call twice."""
        if self.connected:
            self._uplink.publish(topics.status(self._origin), stopped(), token=_STATUS_TOKEN, retain=True)
            self.connected = False
        self._uplink.stop()
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _take(self, event: UplinkEvent | None) -> None:
        match event:
            case None:
                pass
            case Connected():
                self._arrived()
            case Disconnected(reason):
                self._lost(reason)
            case Acknowledged():
                self._acknowledged(event)
            case Message(topic, payload):
                if topic == topics.receipt(self._origin):
                    self._receipt(payload)

    def _arrived(self) -> None:
        if self.away is not None:
            _log.info("the broker is back; sending what waited")
        self.counters.reconnects += self._was_connected
        self.connected, self._was_connected, self.away = True, True, None
        self._base = self._journal.watermark()
        self._claimed = None
        self._rewind()
        self._status_at = 0

    def _lost(self, reason: str) -> None:
        if self.away is None:
            _log.warning("the broker is away: %s. Records are kept and sent when it is back", reason)
        else:
            _log.info("the broker is still away: %s", reason)
        self.connected, self.away = False, reason

    def _send(self) -> None:
        now = self._clock.monotonic_ns()
        if now < self._not_before:
            return
        if self._sent > self._base and now >= self._resend_at:
            self._send_again()
        # a broker that refuses, or delivers to no one, is asked with one record: the first without a receipt
        room = 1 if self._holding else self._window
        for outgoing in self._journal.envelopes(self._sent, max(0, self._base + room - self._sent)):
            token = self._next_token
            topic = topics.record(self._origin, outgoing.kind)
            if not self._uplink.publish(topic, outgoing.wire, token=token):
                return  # the connection is gone; Disconnected follows
            if self._sent == self._base:
                self._resend_at = now + self._patience_ns
            self._next_token += 1
            self._tokens[token] = self._sent = outgoing.seq
            self.counters.sent += 1

    def _send_again(self) -> None:
        """No receipt in time: from the last one on, or from where the ledger says it stands when that is before."""
        self.counters.resends += 1
        if self._claimed is not None and self._claimed < self._base:
            if LEDGER_BEHIND not in self._alarms:
                self._alarms.add(LEDGER_BEHIND)
                _log.error(
                    "the ledger holds our records up to %d, and had receipted them up to %d: it has lost some. "
                    "Sending again what is still kept here; find out what happened to the ledger's database",
                    self._claimed,
                    self._base,
                )
            self._base = self._claimed
        self._rewind()
        self._patience_ns = min(2 * self._patience_ns, RESEND_GROWTH_LIMIT * self._resend_ns)

    def _rewind(self) -> None:
        self._tokens.clear()
        self._sent = self._base

    def _acknowledged(self, answer: Acknowledged) -> None:
        if answer.token == _STATUS_TOKEN:
            self._status_acknowledged(answer.refused)
            return
        if self._tokens.pop(answer.token, None) is None:
            return  # of an earlier connection, or sent again since
        if answer.refused is not None:
            self.counters.refused += 1
            if self.refused is None:
                _log.error(
                    "the broker refuses our records (%s). They are kept and tried again; let its ACL allow the "
                    "user of our certificate to write %s, or raise its quota",
                    answer.refused,
                    topics.record(self._origin, "+"),
                )
            self.refused = answer.refused
            self._hold()
        elif answer.unheard:
            if NO_LEDGER not in self._alarms:
                _log.warning("no ledger listens at the broker. Records are kept and tried again; start the ledger")
            self._alarms.add(NO_LEDGER)
            self._hold()
        else:
            self.counters.acked += 1
            if self._holding:
                _log.info("the broker takes our records again")
                self.refused, self._pause_s = None, RETRY_FIRST_S
                self._alarms.discard(NO_LEDGER)

    @property
    def _holding(self) -> bool:
        return self.refused is not None or NO_LEDGER in self._alarms

    def _hold(self) -> None:
        self._not_before = self._clock.monotonic_ns() + round(self._pause_s * _SECOND)
        self._pause_s = min(2 * self._pause_s, RETRY_MAX_S)
        self._rewind()  # drops the tokens of this burst: its other answers say nothing new

    def _status_acknowledged(self, refused: str | None) -> None:
        if refused is not None and not self._status_refused:
            _log.warning(
                "the broker refuses our status (%s); let its ACL allow the user of our certificate to write %s",
                refused,
                topics.status(self._origin),
            )
        self._status_refused = refused is not None

    def _receipt(self, raw: bytes) -> None:
        try:
            sealed = envelope.parse(raw)
            receipt = receipts.decode(envelope.verify(sealed, receipts.PAYLOAD_TYPE, self._keys))
        except RecordError:
            self.counters.receipts_rejected += 1
            return
        if receipt.origin != self._origin:
            self.counters.receipts_rejected += 1
            return
        if FORK in self._alarms:
            return  # a ledger that holds another chain releases nothing more
        match self._journal.acknowledge(receipt, raw):
            case Acknowledgement.ADVANCED | Acknowledgement.STALE:
                self.counters.receipts += 1
                self._covered(receipt.upto)
            case Acknowledgement.FOREIGN:
                self.counters.receipts_rejected += 1
            case Acknowledgement.FORK:
                self.counters.receipts_rejected += 1
                self._alarms.add(FORK)
                _log.critical(
                    "the ledger's chain is not ours at record %d: this journal was copied, restored or altered, or "
                    "the ledger was. Nothing is released any more; keep this disk and compare both with "
                    "`smartclocker journal verify`",
                    receipt.upto,
                )

    def _covered(self, upto: int) -> None:
        if upto < self._base:
            self._claimed = upto
        elif upto > self._base:
            self._base, self._claimed = upto, None
            self._alarms.discard(NO_LEDGER)
            self._sent = max(self._sent, upto)
            self._patience_ns = self._resend_ns
            self._resend_at = self._clock.monotonic_ns() + self._patience_ns
            if upto >= self._journal.watermark():
                self._alarms.discard(LEDGER_BEHIND)

    def _tell(self) -> None:
        now = self._clock.monotonic_ns()
        extra = dict(self._status())
        alarms = sorted({*self._alarms, *extra.pop("alarms", ())})
        said = (self.refused is not None, *alarms)
        if now < self._status_at and said == self._status_said:
            return
        stats = self._journal.stats()
        document = Online(
            epoch=self._journal.epoch,
            head=stats.head,
            watermark=stats.watermark,
            refused=self.refused is not None,
            alarms=alarms,
            counters={**asdict(self.counters), **extra},
            utc=self._clock.evidence().utc,
        )
        if self._uplink.publish(topics.status(self._origin), online(document), token=_STATUS_TOKEN, retain=True):
            self._status_at = now + round(STATUS_EVERY_S * _SECOND)
            self._status_said = said

    @property
    def _journal(self) -> Ring:
        if self._ring is None:
            raise RuntimeError("call open() first, on the thread that calls run_once()")
        return self._ring
