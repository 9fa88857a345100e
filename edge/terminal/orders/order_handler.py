"""The authority's orders at the terminal: judged, carried out once, and put on record (I10, I12).

What an order changes, its id and its pending records are one transaction of the people file; `flush` brings the
records to the journal. After a crash at any instant, an order is either untouched, or the next start completes it
and its record says that it was interrupted. An order that hands out a file is kept until the file is written.
"""

import logging
from collections.abc import Callable, Iterator

from nacl.signing import SigningKey, VerifyKey

from edge.crypto import dsse
from edge.domain.people.consent import Policy
from edge.domain.protocol.order import PROTECTIVE, Order, Word, expired
from edge.domain.protocol.order_outcome import OrderOutcome, refused
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import CommandOutcome
from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.placement import not_before
from edge.errors import PeopleError, RecordError, TransferError
from edge.journal.journal import Journal
from edge.people.order_log import KeptOrder
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.orders import image_orders, tickets
from edge.terminal.orders.authority_keys import Authority
from edge.terminal.orders.handing_out import HANDING_OUT, hand_out
from edge.terminal.orders.order_executor import OrderExecutor, continues
from edge.terminal.orders.put_off import PutOff
from edge.terminal.outbox.flush import flush

LOOK_NS = 10_000_000_000
"""Interval between two searches for kept orders that are due and for pending records."""
ANCHOR_MS = 3_600_000
"""Greatest age of the remembered moment while an order waits for its date."""

_log = logging.getLogger(__name__)


class OrderHandler:
    """The handler of orders. It runs on one thread, with its own connection to the people file."""

    def __init__(
        self,
        origin: Origin,
        identity: SigningKey,
        pinned: VerifyKey,
        open_people: Callable[[], People],
        configured: Policy,
        clock: Clock,
        *,
        enrols: bool = False,
    ) -> None:
        """`pinned` is the authority's key, `configured` the policy of the configuration. `enrols`: an enrolment can
        be opened at this terminal, so that a ticket makes sense.
        """
        self._enrols = enrols
        self._origin, self._identity, self._pinned = origin, identity, pinned
        self._open_people, self._configured, self._clock = open_people, configured, clock
        self._people: People | None = None
        self._anchor: TimeEvidence | None = None
        self._look_ns = 0
        self._failed = False
        self._put_off = PutOff()

    @property
    def alarms(self) -> frozenset[str]:
        """`orders-waiting` while orders wait for the clock."""
        return self._put_off.alarms

    def counters(self) -> dict[str, int]:
        """Empty: orders have no counters."""
        return {}

    def take(self, envelope: dsse.Envelope, journal: Journal) -> bool:
        """Judge one message and, if it is an order for us, carry it out and record it. Raises JournalError.

        Returns False when nothing changed: the message is not genuine, not for us, expired or taken before, or it
        waits for the clock.
        """
        try:
            people = self._opened()
            now, evidence = self._now(people)
            order = Authority(self._pinned, people.orders).open(envelope, now)
            if not order.names(self._origin) or people.orders.known(order.id):
                return False
            if now is None and order.word not in PROTECTIVE:
                self._put_off.keep(order, envelope)  # it may have expired, and then it does harm
                return False
            if now is not None and expired(order, now):
                return False
            wire = dsse.to_wire(envelope)
            self._obey(order, wire, now, evidence, people)
        except RecordError:
            return False
        except (PeopleError, TransferError) as error:
            _log.error(
                "an order could not be carried out; this is tried again when the order comes again: %s", error
            )
            return False
        try:
            if order.word in HANDING_OUT:
                self._carry_out_kept(order, wire, evidence, people, journal)
            flush(people, journal, self._clock)
        except (PeopleError, RecordError, TransferError) as error:
            _log.error("an order is not completed yet; this is tried again: %s", error)
        return True

    def look(self, journal: Journal) -> None:
        """Every LOOK_NS: carry out the orders that are due, complete the interrupted ones. Raises JournalError."""
        if self._clock.monotonic_ns() < self._look_ns:
            return
        self._look_ns = self._clock.monotonic_ns() + LOOK_NS
        try:
            people = self._opened()
            flush(people, journal, self._clock, interrupted=True)
            now, evidence = self._now(people)
            if now is not None:
                for envelope in self._put_off.kept():
                    self.take(envelope, journal)
                self._put_off.judged()
            failed: PeopleError | TransferError | None = None
            for kept, order in self._kept(people):
                if order.word in HANDING_OUT or (now is not None and now >= _due(order)):
                    try:
                        self._carry_out_kept(order, kept.wire, evidence, people, journal)
                    except (PeopleError, TransferError) as error:
                        failed = failed or error  # an error of one order does not stop the others
            flush(people, journal, self._clock)
            if failed is not None:
                raise failed
            self._failed = False
        except (PeopleError, RecordError, TransferError) as error:
            if not self._failed:
                _log.error("an order is not completed yet; this is tried again: %s", error)
            self._failed = True

    def close(self) -> None:
        """Close the people file; safe to call twice."""
        if self._people is not None:
            self._people.close()
            self._people = None

    def _opened(self) -> People:
        if self._people is None:
            self._people = self._open_people()
            self._anchor = self._people.orders.anchor()
        return self._people

    def _now(self, people: People) -> tuple[str | None, TimeEvidence]:
        """The earliest time that it can be (None when unknown), and the clock's evidence of the time."""
        evidence = self._clock.evidence()
        if evidence.synchronised:
            kept = people.orders.anchor() if people.orders.kept() else None
            self._anchor = evidence
            fresh = kept is not None and kept.boot_id == evidence.boot_id
            if kept is not None and not (fresh and evidence.boottime_ms - kept.boottime_ms < ANCHOR_MS):
                people.orders.set_anchor(evidence)
        return not_before(evidence, self._anchor), evidence

    def _obey(self, order: Order, raw: bytes, now: str | None, evidence: TimeEvidence, people: People) -> None:
        deleting = order.word is Word.DELETE_EVIDENCE
        deleted = image_orders.delete(order, people.path.parent, evidence) if deleting else None
        with people.together():
            scope, due, wire = order.scope, None, None
            if people.orders.known(order.id):
                return  # another process took it first
            outcome: OrderOutcome | None
            if scope is not None and order.sequence <= people.orders.newest(scope):
                outcome = refused("older than what was ordered since")
                scope = None
            elif order.word in HANDING_OUT:
                due, wire, outcome = order.issued, raw, None  # its file and its result follow at once
            elif order.word is Word.EMPLOYMENT_ENDED and (now is None or now < order.fields["at"]):
                self._replace(order, people)
                due, wire = order.fields["at"], raw
                outcome = OrderOutcome(CommandOutcome.PARTLY, f"kept; it is carried out at {due}")
                if self._anchor is not None:
                    people.orders.set_anchor(self._anchor)
            elif order.word is Word.ENROL:
                outcome = tickets.received(
                    order, people, people.accepted(self._configured)[0], possible=self._enrols
                )
                if outcome.outcome is CommandOutcome.PARTLY:
                    self._replace(order, people)
                    due, wire = order.expires, raw
                    if self._anchor is not None:
                        people.orders.set_anchor(self._anchor)
            elif order.word is Word.EMPLOYMENT_CONTINUES:
                outcome = continues(order, people, lifted=self._replace(order, people))
            else:
                outcome = deleted or self._executor(people).carry_out(order, evidence.utc, raw)
            records = None if outcome is None else outcome.records(order)
            people.orders.take(order.id, scope, order.sequence, records=records, due=due, wire=wire)

    def _replace(self, order: Order, people: People) -> bool:
        """Drop the kept orders about the end of the same employment, because only the latest order counts; returns
        whether there was one.
        """
        found = False
        for _, earlier in self._kept(people):
            if earlier.scope == order.scope:
                people.orders.carried_out(earlier.id, refused(f"replaced by order {order.id}").records(earlier))
                found = True
        return found

    def _kept(self, people: People) -> Iterator[tuple[KeptOrder, Order]]:
        """The orders that are still to be carried out, verified again as when they came. An order that was altered
        since is set aside.
        """
        authority = Authority(self._pinned, people.orders)
        for kept in people.orders.kept():
            try:
                order = authority.reopen(kept.wire)
                if order.id != kept.id or order.word not in {*HANDING_OUT, Word.EMPLOYMENT_ENDED, Word.ENROL}:
                    raise RecordError("order: it is not the one that is kept under this id")  # noqa: TRY301 - said once, below
            except RecordError as error:
                _log.critical("a kept order cannot be read any more; give it again: %s (%s)", kept.id, error)
                people.outbox.set_aside(kept.id)
            else:
                yield kept, order

    def _carry_out_kept(
        self, order: Order, raw: bytes, evidence: TimeEvidence, people: People, journal: Journal
    ) -> None:
        if order.word is Word.ENROL:
            with people.together():
                if people.orders.carried_out_yet(order.id):
                    return  # it was used meanwhile, on another thread
                people.orders.carried_out(order.id, refused("expired; nobody used it").records(order))
        elif order.word not in HANDING_OUT:
            with people.together():
                outcome = self._executor(people).carry_out(order, evidence.utc, raw)
                people.orders.carried_out(order.id, outcome.records(order))
        elif journal.taken_at(order.id) is not None:  # a newer people file carried it out
            people.orders.carried_out(order.id, None)
        else:
            outcome = hand_out(order, people, journal, evidence)
            people.orders.carried_out(order.id, outcome.records(order))

    def _executor(self, people: People) -> OrderExecutor:
        return OrderExecutor(people, self._identity, self._configured)


def _due(order: Order) -> str:
    """When a kept order is carried out: the end of an employment at its moment, and a ticket that nobody used when
    it expires.
    """
    return order.expires if order.word is Word.ENROL else str(order.fields["at"])
