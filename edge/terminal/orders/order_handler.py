"""The authority's orders at the terminal: judged, carried out once, and put on record (I10, I12).

What an order changes and that it was taken are one transaction of the people file; the records follow, and until
they are durable the file owes them. So a crash at any instant leaves an order untouched, or one that the next start
completes, and then its record says so.
"""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator

from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from edge.crypto import dsse
from edge.crypto.curve_points import can_be_sealed_to
from edge.domain.people.consent import Policy
from edge.domain.plural import counted
from edge.domain.protocol.order import NOBODY_HERE, ORDER_TYPE, PROTECTIVE, Order, Word, expired
from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import CommandOutcome, Kind
from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.placement import not_before
from edge.errors import PeopleError, RecordError, TransferError
from edge.evidence_images.schema import NAME as IMAGES
from edge.evidence_images.store import forget_images
from edge.journal.journal import Journal
from edge.people.order_log import OutboxEntry
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.orders import acting, image_orders
from edge.terminal.orders.authority_keys import Authority
from edge.terminal.orders.order_actions import OrderExecutor, OrderOutcome, continues
from edge.terminal.orders.put_off import PutOff
from edge.terminal.subject_access import report

LOOK_NS = 10_000_000_000
"""How often it is looked whether a kept order is due, or a record is owed."""
ANCHOR_MS = 3_600_000
"""How old the remembered moment may grow while an order waits for its date."""

_log = logging.getLogger(__name__)


class Orders:
    """On one thread, with a connection to the people file of its own."""

    def __init__(
        self,
        origin: Origin,
        identity: SigningKey,
        pinned: VerifyKey,
        open_people: Callable[[], People],
        configured: Policy,
        clock: Clock,
    ) -> None:
        """`pinned` is the authority's key, `configured` the policy of the configuration."""
        self._origin, self._identity, self._pinned = origin, identity, pinned
        self._open_people, self._configured, self._clock = open_people, configured, clock
        self._people: People | None = None
        self._anchor: TimeEvidence | None = None
        self._look_ns = 0
        self._failed = False
        self._put_off = PutOff()

    @property
    def alarms(self) -> frozenset[str]:
        """`orders-waiting` while some wait for the clock."""
        return self._put_off.alarms

    @staticmethod
    def concern(raw: bytes) -> bool:
        """Whether a message says that it is an order; nothing about it is trusted yet."""
        try:
            return dsse.parse(raw).payload_type == ORDER_TYPE
        except RecordError:
            return False

    def take(self, raw: bytes, journal: Journal) -> bool:
        """Judge one message and, if it is an order for us, carry it out and record it. Raises JournalError.

        False when nothing changed: it is not genuine, not for us, over, taken before, or it waits for the clock.
        """
        try:
            people = self._opened()
            now, evidence = self._now(people)
            order = Authority(self._pinned, people.orders).open(raw, now)
            if not order.names(self._origin) or people.orders.known(order.id):
                return False
            if now is None and order.word not in PROTECTIVE:
                self._put_off.keep(order, raw)  # whether it is over nobody can tell, and too late it does harm
                return False
            if now is not None and expired(order, now):
                return False
            self._obey(order, raw, now, evidence, people, journal)
        except RecordError:
            return False
        except (PeopleError, TransferError) as error:
            _log.error("an order could not be carried out, and will be when it comes again: %s", error)
            return False
        try:
            settle(people, journal, self._clock)
        except (PeopleError, RecordError, TransferError) as error:
            _log.error("an order is still to be completed, which is tried again: %s", error)
        return True

    def look(self, journal: Journal) -> None:
        """Now and then: carry out what is due, complete what was interrupted. Raises JournalError."""
        if self._clock.monotonic_ns() < self._look_ns:
            return
        self._look_ns = self._clock.monotonic_ns() + LOOK_NS
        try:
            people = self._opened()
            settle(people, journal, self._clock, interrupted=True)
            now, evidence = self._now(people)
            if now is not None:
                for raw in self._put_off.kept():
                    self.take(raw, journal)
                self._put_off.judged()
            for duty, order in self._kept(people):
                if now is not None and now >= order.fields["at"]:
                    self._carry_out_kept(duty, order, evidence, people)
            settle(people, journal, self._clock)
            self._failed = False
        except (PeopleError, RecordError, TransferError) as error:
            if not self._failed:
                _log.error("an order is still to be completed, which is tried again: %s", error)
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
        """The earliest that it can be, and all that is known of the time."""
        evidence = self._clock.evidence()
        if evidence.synchronised:
            kept = people.orders.anchor() if people.orders.kept() else None
            self._anchor = evidence
            fresh = kept is not None and kept.boot_id == evidence.boot_id
            if kept is not None and not (fresh and evidence.boottime_ms - kept.boottime_ms < ANCHOR_MS):
                people.orders.set_anchor(evidence)
        return not_before(evidence, self._anchor), evidence

    def _obey(
        self, order: Order, raw: bytes, now: str | None, evidence: TimeEvidence, people: People, journal: Journal
    ) -> None:
        answer = self._answer(order, evidence, people, journal)  # a file: before the transaction that says so
        with people.together():
            scope, due, wire = order.scope, None, None
            if people.orders.known(order.id):
                return  # another process was first
            if scope is not None and order.sequence <= people.orders.newest(scope):
                done = OrderOutcome(CommandOutcome.REFUSED, "older than what was ordered since")
                scope = None
            elif order.word is Word.EMPLOYMENT_ENDED and (now is None or now < order.fields["at"]):
                self._replace(order, people)
                due, wire = order.fields["at"], raw
                done = OrderOutcome(CommandOutcome.PARTLY, f"kept; it is carried out at {due}")
                if self._anchor is not None:
                    people.orders.set_anchor(self._anchor)
            elif order.word is Word.EMPLOYMENT_CONTINUES:
                done = continues(order, people, lifted=self._replace(order, people))
            else:
                done = answer or self._executor(people).carry_out(order, evidence.utc, raw)
            people.orders.take(order.id, scope, order.sequence, owed=done.records(order), due=due, wire=wire)

    def _answer(
        self, order: Order, evidence: TimeEvidence, people: People, journal: Journal
    ) -> OrderOutcome | None:
        state = people.path.parent
        if order.word is Word.DELETE_EVIDENCE:
            return image_orders.delete(order, state, evidence)
        if order.word is Word.RELEASE_EVIDENCE:
            return image_orders.release(order, state, evidence)
        if order.word is not Word.ACCESS or order.person is None:
            return None
        if not people.holds(order.person):
            return OrderOutcome(CommandOutcome.REFUSED, NOBODY_HERE)
        kept = image_orders.listed(state, order.person, evidence)
        found = report.collect(order.person, evidence.utc, self._origin, people, journal, kept)
        reply_key = PublicKey(base64.b64decode(order.fields["reply_key"]))
        if not can_be_sealed_to(reply_key):
            return OrderOutcome(
                CommandOutcome.REFUSED, "the reply key is no point of its curve: nobody could open the answer"
            )
        sealed = report.seal(found, bytes(reply_key))
        path = report.keep(people.path.with_name(report.FOLDER), order.id, order.person, sealed)
        sha256 = hashlib.sha256(sealed).hexdigest()
        count = image_orders.accompany(order, state, evidence)
        beside = f"; {counted(count, 'image')} beside it" if count else ""
        return OrderOutcome(CommandOutcome.DONE, f"sealed in {report.FOLDER}/{path.name}, sha256 {sha256}{beside}")

    def _replace(self, order: Order, people: People) -> bool:
        """A later word on the end of somebody's employment stands alone; whether there was an earlier."""
        found = False
        for duty, kept in self._kept(people):
            if kept.scope == order.scope:
                done = OrderOutcome(CommandOutcome.REFUSED, f"replaced by order {order.id}")
                people.orders.carried_out(duty.id, done.records(kept))
                found = True
        return found

    def _kept(self, people: People) -> Iterator[tuple[OutboxEntry, Order]]:
        """What waits for its instant, verified as when it came. What was altered since is set aside."""
        authority = Authority(self._pinned, people.orders)
        for duty in people.orders.kept():
            try:
                order = authority.reopen(duty.wire or b"")
                if order.id != duty.id or "at" not in order.fields:
                    raise RecordError("order: another one than it is kept for")  # noqa: TRY301 - said once, below
            except RecordError as error:
                _log.critical(
                    "an order that was kept cannot be read any more; give it again: %s (%s)", duty.id, error
                )
                people.orders.set_aside(duty.id)
            else:
                yield duty, order

    def _carry_out_kept(self, duty: OutboxEntry, order: Order, evidence: TimeEvidence, people: People) -> None:
        with people.together():
            done = self._executor(people).carry_out(order, evidence.utc, duty.wire or b"")
            people.orders.carried_out(duty.id, done.records(order))

    def _executor(self, people: People) -> OrderExecutor:
        return OrderExecutor(people, self._identity, self._configured)


def settle(people: People, journal: Journal, clock: Clock, *, interrupted: bool = False) -> int:
    """Bring into the journal what the people file owes it; how many orders. Raises PeopleError, JournalError.

    `interrupted`: the orders were taken earlier, and their records say so. What an act by hand owes is left alone
    until it came to its end (`edge.terminal.orders.acting`). What no record can be made of is set aside
    (`OrderBook.aside`): it must not keep the rest from the journal.
    """
    duties = people.orders.owed()
    if not any(_is_by_hand(duty) for duty in duties):
        return _settle(duties, people, journal, clock, interrupted)
    with acting.alone(people.path.parent) as ended:
        # Read again: an act may have come to its end since.
        duties = [duty for duty in people.orders.owed() if ended or not _is_by_hand(duty)]
        return _settle(duties, people, journal, clock, interrupted)


def settle_by_hand(people: People, journal: Journal, clock: Clock) -> int:
    """As `settle`, at the end of an act by hand, for what itself owes, too. Raises PeopleError, JournalError."""
    return _settle(people.orders.owed(), people, journal, clock, interrupted=False)


def _is_by_hand(duty: OutboxEntry) -> bool:
    return any("by" in data for _, data in duty.owed)


def _settle(duties: list[OutboxEntry], people: People, journal: Journal, clock: Clock, interrupted: bool) -> int:
    failed: PeopleError | TransferError | None = None
    for duty in duties:
        try:
            _bring(duty, people, journal, clock, interrupted)
        except (RecordError, KeyError, TypeError) as error:
            _log.critical("what is owed under %s cannot be put on record, and is set aside: %s", duty.id, error)
            people.orders.set_aside(duty.id)
        except (PeopleError, TransferError) as error:
            failed = failed or error  # this one's alone: the others do not wait for it
    if failed is not None:
        raise failed
    return len(duties)


def _bring(duty: OutboxEntry, people: People, journal: Journal, clock: Clock, interrupted: bool) -> None:
    erased = [data["person"] for kind, data in duty.owed if kind == Kind.ERASED]
    people.rewrite() if erased else people.purge()  # no older page stays, whatever interrupted it before
    evidence = clock.evidence()
    withdrawn = [d["person"] for kind, d in duty.owed if kind == Kind.CONSENT and d["state"] == "withdrawn"]
    for person in (*erased, *withdrawn):
        forget_images(people.path.with_name(IMAGES), person, evidence)
    for person in erased:
        report.forget(people.path.with_name(report.FOLDER), person)
    if journal.taken_at(_mark(duty)) is None:  # else an older people file owes what was done: images came since
        for kind, data in duty.owed:
            if kind == Kind.COMMAND_RESULT:
                image_orders.carry_out(data, people.path.parent, evidence)
    *before, last = (Draft(Kind(kind), data, evidence) for kind, data in duty.owed)
    if interrupted and "detail" in last.data:
        detail = f"{last.data['detail'][:160]}; completed after an interruption"
        last = Draft(last.kind, {**last.data, "detail": detail}, evidence)
    journal.take_command(_mark(duty), last, *before)  # None when it is there: a crash came after it
    with people.together():
        for person in erased:
            people.settled(person)
        people.orders.settled(duty.id)


def _mark(duty: OutboxEntry) -> str:
    """What the journal remembers: one that is only kept yet will say more under its own id."""
    if duty.due is None:
        return duty.id
    return hashlib.sha256(f"{duty.id}:kept".encode()).hexdigest()[:32]
