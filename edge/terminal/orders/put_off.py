"""Orders that wait for a clock that follows a time server: whether they are over, nobody can tell before."""

import logging

from edge.crypto.dsse import Envelope
from edge.domain.protocol.order import Order
from edge.terminal.runtime.alarms import Alarm, Alarms

MOST = 64
"""Kept in memory alone; the authority sends again what was not answered."""


class PutOff:
    """On the thread of the orders; `alarms` may be read on any."""

    def __init__(self) -> None:
        self._kept: dict[str, Envelope] = {}
        self._alarms = Alarms()

    @property
    def alarms(self) -> frozenset[str]:
        """`orders-waiting` while some wait."""
        return self._alarms.words

    def keep(self, order: Order, envelope: Envelope) -> None:
        """A genuine one for us."""
        if len(self._kept) < MOST:
            self._kept[order.id] = envelope
        self._alarms.begin(
            Alarm.ORDERS_WAITING,
            logging.WARNING,
            "an order (%s, %s) waits until the clock follows a time server, as does each that does not only "
            "take away: let UDP 123 out, or name a time server",
            order.word,
            order.id,
        )

    def kept(self) -> list[Envelope]:
        """All of them, in the order in which they came."""
        return list(self._kept.values())

    def judged(self) -> None:
        """None of them waits any longer."""
        self._kept.clear()
        self._alarms.end(Alarm.ORDERS_WAITING, "the time is known; the orders that waited were judged")
