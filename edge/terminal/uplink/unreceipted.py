"""Records that wait for a receipt although the broker takes them: after a limited time, an alarm says so, and why.

The broker reports success whatever keeps the receipts away: a terminal that is not registered, another ledger's
key, or a dead ledger for which the broker keeps a session. Only the time that passes shows it.
"""

import logging
from collections.abc import Callable

from edge.terminal.runtime.alarms import Alarm, Alarms
from edge.terminal.uplink.send_window import Delivery

PATIENCE_S = 120.0
"""How long records may wait on a connection, and how long receipts may be rejected without a genuine one."""
RENEW_AFTER = 3
"""After so many repetitions without a receipt, the session at the broker is begun again: a broker that lost count
of the messages on their way delivers nothing more in the old session. The next time comes after twice as many, and
so on.
"""
_TOLD = (Alarm.FORK, Alarm.LEDGER_BEHIND, Alarm.LEDGER_HOLE)
"""Alarms that already say that no receipt comes, and why."""
_TURN_NS = 10_000_000_000
"""A turn counts for this time at most: if it took longer, something else held it up."""
_SECOND = 1_000_000_000


class Waiting:
    """The wait for receipts; used on the publisher's thread. Times are nanoseconds of the monotonic clock."""

    def __init__(self, delivery: Delivery, alarms: Alarms) -> None:
        self._delivery, self._alarms = delivery, alarms
        self._base = 0
        self._waited_ns = 0
        self._turn_ns: int | None = None
        self._rejected: str | None = None
        self._rejected_ns = 0
        self._renew_at = RENEW_AFTER

    def away(self) -> None:
        """Stop counting, because there is no connection. The time that was counted before stays."""
        self._turn_ns = None

    def rejected(self, why: str, now: int) -> None:
        """Note a receipt that did not count, and why."""
        if self._rejected is None:
            self._rejected_ns = now
        self._rejected = why

    def genuine(self) -> None:
        """Note a genuine receipt for this terminal, whatever it covers."""
        self._rejected = None
        self._alarms.end(Alarm.RECEIPTS_REJECTED, "the ledger's receipts count again")

    def turn(self, now: int, pending: Callable[[], bool]) -> None:
        """One turn of the publisher while it is connected; `pending` says whether any record has no receipt.

        Raises what `pending` raises.
        """
        if self._turn_ns is not None and now - self._turn_ns < _SECOND:
            return
        passed, self._turn_ns = now - (now if self._turn_ns is None else self._turn_ns), now
        if self._rejected is not None and now - self._rejected_ns >= PATIENCE_S * _SECOND:
            self._alarms.begin(
                Alarm.RECEIPTS_REJECTED,
                logging.ERROR,
                "receipts come and do not count: %s. Nothing is released",
                self._rejected,
            )
        if self._delivery.base != self._base or not pending():
            self._base, self._waited_ns, self._renew_at = self._delivery.base, 0, RENEW_AFTER
            self._alarms.end(Alarm.UNRECEIPTED, "the ledger receipts our records again")
            return
        self._waited_ns += min(passed, _TURN_NS)
        if self._waited_ns >= PATIENCE_S * _SECOND and not any(word in self._alarms for word in _TOLD):
            self._alarms.begin(
                Alarm.UNRECEIPTED,
                logging.ERROR,
                "records have waited for a receipt for %d minutes: %s. They are kept and sent again",
                self._waited_ns // (60 * _SECOND),
                self._cause(),
            )

    def wants_renewal(self) -> bool:
        """Whether to begin a new session at the broker; True once for each occasion."""
        silent = self._rejected is None and not self._delivery.holding
        if not silent or self._delivery.fruitless < self._renew_at:
            return False
        self._renew_at = 2 * self._delivery.fruitless
        return True

    def _cause(self) -> str:
        if self._delivery.refused is not None:
            return f"the broker refuses them ({self._delivery.refused})"
        if Alarm.NO_LEDGER in self._alarms:
            return "no ledger listens at the broker; start it"
        if self._rejected is not None:
            return f"receipts come and do not count: {self._rejected}"
        return (
            "the broker takes them, and no receipt comes: the ledger does not run, or does not know this terminal "
            "and its key (`smartclocker central register`); `smartclocker central gaps` at the centre says which"
        )
