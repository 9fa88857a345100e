"""The send window: which records may be sent now, and which are sent again. It knows neither broker nor journal.

Sending again is always safe, and is done in every doubtful case. Times are nanoseconds of the monotonic clock.
"""

import logging

from edge.terminal.runtime.alarms import Alarm, Alarms
from edge.terminal.uplink.counters import Counters

RESEND_GROWTH_LIMIT = 30
"""Limit of the pause between two repetitions, in multiples of `resend_ns` (five minutes at ten seconds). While the
ledger is away, the pause doubles up to this limit, because every copy waits in the broker's queue until the ledger
returns.
"""
RETRY_FIRST_S, RETRY_MAX_S = 1.0, 60.0
"""Pauses between probes of a broker that refuses our records, or has no subscriber for them."""
BEHIND_S = 15.0
"""After this time without another receipt, a receipt that covers less than an earlier one is believed. An old
receipt may be repeated by a broker that lost its memory, or by anybody who kept one.
"""
ASK_S = 6.0
"""So long after such a receipt, and after connecting, our status asks the ledger for a new receipt. The ledger
answers one status in five seconds.
"""
_SECOND = 1_000_000_000

_log = logging.getLogger(__name__)


class Delivery:
    """The state of delivery: what the ledger is believed to have, what was sent, and how long to wait."""

    def __init__(self, window: int, resend_ns: int, behind_ns: int, alarms: Alarms, counters: Counters) -> None:
        """`window` bounds the records sent beyond the last receipt."""
        self.base = 0
        """The last record that the ledger is believed to have: the watermark, unless it lost receipted records."""
        self.sent = 0
        """The last record sent since the last rewind."""
        self.refused: str | None = None
        """The reason code with which the broker refuses our records; None while it takes them."""
        self.fruitless = 0
        """How often records were sent again since the last receipt that covered more."""
        self._window, self._resend_ns, self._behind_ns = window, resend_ns, behind_ns
        self._alarms, self._counters = alarms, counters
        self._tokens: dict[int, int] = {}
        self._beyond = 0
        self._claimed: int | None = None
        self._believe_at = 0
        self._ask_at: int | None = None
        self._patience_ns = resend_ns
        self._resend_at = 0
        self._pause_s = RETRY_FIRST_S
        self._not_before = 0

    def arrived(self, watermark: int, now: int) -> None:
        """Begin again on a new connection, because nothing sent on the last one is known to have arrived."""
        if Alarm.LEDGER_BEHIND not in self._alarms:
            self.base = watermark
        self._claimed = None
        self._ask_at = now + _ns(ASK_S)
        self._rewind()

    def due(self, now: int) -> tuple[int, int]:
        """The record after which to send, and the greatest number of records to send; 0 means to wait."""
        if now < self._not_before:
            return self.sent, 0
        doubted = self._claimed is not None and now >= self._believe_at
        overdue = self.sent > self.base and now >= self._resend_at
        if doubted or overdue:
            self._send_again()
        # A broker that refuses, or has no subscriber, is tried with one record: the first without a receipt.
        room = 1 if self.holding else self._window
        return self.sent, max(0, self._edge + room - self.sent)

    def passed_on(self, seq: int, token: int, now: int) -> None:
        """Note that record `seq` was handed to the broker, whose answer will have `token`."""
        if seq > self.sent + 1:
            self._stranded(self.sent + 1, seq - 1)
        if self.sent <= self._edge:
            self._resend_at = now + self._patience_ns
        self._tokens[token] = self.sent = seq

    def acknowledged(self, token: int, refused: str | None, unheard: bool, now: int) -> bool:
        """Take the broker's answer; False when it is of an earlier connection, or of a record sent again since."""
        seq = self._tokens.pop(token, None)
        if seq is None:
            return False
        self.answered(refused, unheard, now)
        if not self.holding and Alarm.LEDGER_HOLE in self._alarms:
            self._beyond = max(self._beyond, seq)
        return True

    def answered(self, refused: str | None, unheard: bool, now: int) -> None:
        """Take what an answer says about the broker: it takes records, refuses them, or has no subscriber."""
        if refused is not None:
            self.refused = refused
            self._hold(now)
        elif unheard:
            text = "no ledger listens at the broker. Records are kept and tried again; start the ledger"
            self._alarms.begin(Alarm.NO_LEDGER, logging.WARNING, text)
            self._hold(now)
        elif self.holding:
            self._release()

    def covered(self, upto: int, watermark: int, now: int, *, heard: bool = True) -> None:
        """Take a genuine receipt up to `upto`; `watermark` is the highest record that was ever receipted.

        `heard`: the broker delivered it, so that a ledger listens there, even if it covers nothing new.
        """
        if upto < self.base:
            if self._claimed is None:
                self._believe_at, self._ask_at = now + self._behind_ns, now + _ns(ASK_S)
            self._claimed = upto
            return
        self._claimed = self._ask_at = None
        if upto > self.base:
            self.base = upto
            self.fruitless = 0
            self.sent = max(self.sent, upto)
            self._patience_ns = self._resend_ns
            self._resend_at = now + self._patience_ns
        if heard and self.refused is None:
            self._release()
        if upto >= self._beyond:
            self._beyond = 0
            self._alarms.end(Alarm.LEDGER_HOLE, "the ledger has the records that it lacked")
        if upto >= watermark:
            self._alarms.end(Alarm.LEDGER_BEHIND, "the ledger holds again all records that it had receipted")

    def asks(self, now: int) -> bool:
        """Whether to ask the ledger for a receipt, by sending our status; True once for each occasion."""
        if self._ask_at is None or now < self._ask_at:
            return False
        self._ask_at = None
        return True

    def may_probe(self, now: int) -> bool:
        """Whether to try the broker with a record that a command asked for: no other waits for a receipt."""
        return now >= self._not_before and self.sent == self._edge

    @property
    def holding(self) -> bool:
        """Whether the broker refuses our records or has no subscriber for them."""
        return self.refused is not None or Alarm.NO_LEDGER in self._alarms

    @property
    def _edge(self) -> int:
        """Start of the send window: the last receipted record, or, past a gap that no receipt can cover, the last
        record that the broker acknowledged.
        """
        return max(self.base, self._beyond)

    def _send_again(self) -> None:
        """Send again after no receipt came in time: from the last receipt on, or from the earlier record up to
        which the ledger says it has ours.
        """
        self._counters.resends += 1
        self.fruitless += 1
        if self._claimed is not None:
            self._alarms.begin(
                Alarm.LEDGER_BEHIND,
                logging.ERROR,
                "the ledger holds our records up to %d, and had receipted them up to %d: it has lost some. Sending "
                "again what is still kept here; find out what happened to the ledger's database",
                self._claimed,
                self.base,
            )
            self.base, self._claimed, self._beyond = self._claimed, None, 0
        self._rewind()
        self._resend_at = 0
        self._patience_ns = min(2 * self._patience_ns, RESEND_GROWTH_LIMIT * self._resend_ns)

    def _stranded(self, first: int, last: int) -> None:
        self._alarms.begin(
            Alarm.LEDGER_HOLE,
            logging.CRITICAL,
            "the ledger lacks our records %d to %d, and they are no longer kept here: it can receipt nothing that "
            "comes after them. New records are kept and sent; restore a newer backup of the ledger's database",
            first,
            last,
        )
        self._beyond = last

    def _rewind(self) -> None:
        self._tokens.clear()
        self.sent = self._edge

    def _hold(self, now: int) -> None:
        self._not_before = now + _ns(self._pause_s)
        self._pause_s = min(2 * self._pause_s, RETRY_MAX_S)
        self._rewind()  # drops the tokens of this burst, whose other answers would be the same

    def _release(self) -> None:
        if self.refused is not None:
            _log.info("the broker takes our records again")
        self.refused, self._pause_s, self._not_before = None, RETRY_FIRST_S, 0
        self._alarms.end(Alarm.NO_LEDGER, "a ledger listens at the broker again")


def _ns(seconds: float) -> int:
    return round(seconds * _SECOND)
