"""Tickets: orders of the authority by which one person may be enrolled at this terminal, once.

A ticket is kept in the people file from its arrival until it is used, refused at the terminal, replaced or expired.
It is verified again whenever it is asked for, as when it came.
"""

from collections.abc import Callable

from nacl.signing import VerifyKey

from edge.crypto import dsse
from edge.domain.people.consent import Policy
from edge.domain.protocol.order import EVERYWHERE, NOBODY_HERE, Order, Word, expired
from edge.domain.protocol.order_outcome import OrderOutcome, refused
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import CommandOutcome
from edge.domain.time.placement import not_before
from edge.errors import RecordError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.orders.authority_keys import Authority


def received(order: Order, people: People, in_force: Policy, *, possible: bool) -> OrderOutcome:
    """What becomes of a ticket when it comes. `possible`: this terminal has what an enrolment at it needs. Raises
    PeopleError.
    """
    person = order.person or ""
    if len(order.terminals) > 1 or EVERYWHERE in order.terminals:
        return refused("a ticket is for one terminal, so that it opens one enrolment")
    if not possible:
        return refused("no enrolment can be opened here: it needs a camera, buttons, and a reader with a keypad")
    if person not in people.remaining():
        return refused(NOBODY_HERE)
    if people.has_face(person):
        return refused("the person has a face here already")
    if policy_of(order) != in_force:
        return refused(f"policy {in_force.version} is in force here, with another text or version")
    return OrderOutcome(CommandOutcome.PARTLY, f"kept; it opens one enrolment until {order.expires}")


def policy_of(order: Order) -> Policy:
    """The policy that the person is to agree to."""
    return Policy(order.fields["policy_version"], order.fields["policy_sha256"])


class Tickets:
    """The tickets that this terminal keeps. Each call uses the caller's connection to the people file."""

    def __init__(self, origin: Origin, pinned: Callable[[], VerifyKey | None], clock: Clock) -> None:
        """`pinned` is the authority's key; None without one."""
        self._origin, self._pinned, self._clock = origin, pinned, clock

    def of(self, person: str, people: People) -> Order | None:
        """The person's ticket, if one counts now. Raises PeopleError."""
        kept = people.orders.kept()
        if not kept:
            return None
        pinned, now = self._pinned(), not_before(self._clock.evidence(), people.orders.anchor())
        if pinned is None or now is None:
            return None  # without the time, it may have expired
        authority = Authority(pinned, people.orders)
        for one in kept:
            try:
                order = authority.open(dsse.parse(one.wire), now)
            except RecordError:
                continue  # altered, or of a key that has ended
            genuine = order.id == one.id and order.word is Word.ENROL and order.names(self._origin)
            if genuine and order.person == person and not expired(order, now):
                return order
        return None

    def any(self, people: People) -> bool:
        """Whether any order is kept, that may be a ticket. Raises PeopleError."""
        return bool(people.orders.kept())


def is_spent(order: Order, journal: Journal) -> bool:
    """Whether the journal has the ticket's last result: then an older people file was put back. Raises
    JournalError.
    """
    return journal.taken_at(order.id) is not None
