"""Orders that wait until the clock follows a time server, because before that they may have expired unnoticed."""

import logging

from edge.crypto.dsse import Envelope
from edge.domain.protocol.order import Order
from edge.terminal.runtime.alarms import Alarm, Alarms

MOST = 64
"""Greatest number of waiting orders, in memory alone: the authority sends every unanswered order again."""


class PutOff:
    """The waiting orders. Used on the thread of the orders; `alarms` may be read on any thread."""

    def __init__(self) -> None:
        self._kept: dict[str, Envelope] = {}
        self._alarms = Alarms()

    @property
    def alarms(self) -> frozenset[str]:
        """`orders-waiting` while orders wait."""
        return self._alarms.words

    def keep(self, order: Order, envelope: Envelope) -> None:
        """Keep a genuine order that is for this terminal, and begin the alarm."""
        if len(self._kept) < MOST:
            self._kept[order.id] = envelope
        self._alarms.begin(
            Alarm.ORDERS_WAITING,
            logging.WARNING,
            "an order (%s, %s) waits until the clock follows a time server; only orders that take something away "
            "do not wait: let UDP 123 out, or name a time server",
            order.word,
            order.id,
        )

    def kept(self) -> list[Envelope]:
        """All waiting orders, in the order in which they came."""
        return list(self._kept.values())

    def judged(self) -> None:
        """Forget the waiting orders, because they were judged, and end the alarm."""
        self._kept.clear()
        self._alarms.end(Alarm.ORDERS_WAITING, "the time is known; the waiting orders were judged")
