"""Changes that orders make to the people of this terminal, each inside one transaction of the people file."""

import base64
import hashlib

from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey

from edge.domain.people.consent import Policy
from edge.domain.plural import counted
from edge.domain.protocol.order import ERASING, NOBODY_HERE, Lifts, Order, Word
from edge.domain.protocol.order_outcome import OrderOutcome, done, refused
from edge.domain.protocol.record_draft import consent_withdrawn, erased, restricted
from edge.domain.protocol.record_kinds import Bar, Restriction
from edge.domain.vocabulary import ErasureReason
from edge.errors import PeopleError
from edge.people.lacking import Lack
from edge.people.people_store import People

_BARS = {Word.RESTRICT: Restriction.RESTRICTED, Word.OBJECT: Restriction.OBJECTED}


class OrderExecutor:
    """Carries out orders that were judged genuine, due and for this terminal."""

    def __init__(self, people: People, identity: SigningKey, configured: Policy) -> None:
        """`identity` is the terminal's signing key; its X25519 form opens what is sealed to the terminal."""
        self._people, self._configured = people, configured
        self._box = SealedBox(identity.to_curve25519_private_key())

    def carry_out(self, order: Order, utc: str, wire: bytes) -> OrderOutcome:
        """Carry out an order, inside a transaction of the people file. When it raises PeopleError, nothing was
        changed and no record may be made.
        """
        if order.word is Word.POLICY:
            return self._policy(order)
        if order.word is Word.ROTATE:
            self._people.orders.add_key(wire)
            return done(f"the next key counts from {order.fields['from']}")
        if not self._here(order):
            if order.word in ERASING or order.word is Word.WITHDRAW:
                self._foretell(order)
                return done("nothing is held of this person here")
            return self._foretell_bar(order)
        return self._about_somebody(order, utc)

    def _about_somebody(self, order: Order, utc: str) -> OrderOutcome:
        match order.word:
            case Word.RESTRICT | Word.OBJECT:
                return self._restrict(order)
            case Word.UNRESTRICT:
                return lift(order.person or "", Lifts(order.fields["lifts"]), self._people)
            case Word.RECTIFY:
                return self._rectify(order)
            case Word.WITHDRAW:
                return self._withdraw(order, utc)
            case _:
                return self._erase(order, utc)

    def _here(self, order: Order) -> bool:
        return order.person is not None and self._people.holds(order.person)

    def _erase(self, order: Order, utc: str) -> OrderOutcome:
        person = order.person or ""
        reason = {
            Word.EMPLOYMENT_ENDED: ErasureReason.EMPLOYMENT_ENDED,
            Word.UNDER_AGE: ErasureReason.UNDER_AGE,
        }.get(order.word) or ErasureReason(order.fields["reason"])
        count = self._people.erase(person, utc, reason)
        return done(f"erased, {counted(count, 'template')}", erased(person, reason, count))

    def _withdraw(self, order: Order, utc: str) -> OrderOutcome:
        person = order.person or ""
        if not self._people.consented(person):
            self._foretell(order)
            return done("no consent of this person is known here, and no face is held")
        if not self._people.withdraw(person, utc):
            return done("withdrawn before")
        ended = consent_withdrawn(person, self._people.agreed_to(person))
        return done("withdrawn: key, name and templates are gone", ended)

    def _foretell(self, order: Order) -> None:
        """Note an erasure or a withdrawal of somebody whose roster entry may still be on its way: the entry must
        find the note here. The time of the withdrawal is the authority's, not this terminal's.
        """
        withdrawn_at = order.issued if order.word is Word.WITHDRAW else None
        self._people.foretell(order.person or "", withdrawn_at=withdrawn_at)

    def _foretell_bar(self, order: Order) -> OrderOutcome:
        """Note a restriction, an objection or the end of one in the same way. Any other order is refused, because
        it names nobody who is here.
        """
        person = order.person or ""
        before = self._people.foretold_bar(person) if order.person is not None else None
        if order.word is Word.UNRESTRICT and before is not None:
            kept = _not_lifted(before, Lifts(order.fields["lifts"]))
            if kept is None:
                self._people.foretell_bar(person, None)
            return kept or done("nothing is held of this person here; the bar is lifted")
        if order.word not in _BARS:
            return refused(NOBODY_HERE)
        if before is not Restriction.OBJECTED:
            self._people.foretell_bar(person, _BARS[order.word])
        return done("nothing is held of this person here; not matched when they come")

    def _restrict(self, order: Order) -> OrderOutcome:
        person = order.person or ""
        wanted = _BARS[order.word]
        before = self._people.restriction(person)
        if before in {wanted, Restriction.OBJECTED}:
            return done(f"{before} before")
        self._people.restrict(person, wanted)
        return done("kept, and not matched", restricted(person, wanted))

    def _rectify(self, order: Order) -> OrderOutcome:
        try:
            name = self._box.decrypt(base64.b64decode(order.fields["name"])).decode()
            kept = self._people.rectify(order.person or "", name)
        except (CryptoError, UnicodeDecodeError):
            return refused("the name is not sealed to this terminal")
        except PeopleError as error:
            return refused(str(error)[:200])
        if not kept:
            return refused("no name is held of this person any more")
        self._people.lacking.drop(order.person or "", {Lack.NAME})  # an older file that was put back lacked it
        return done("the name is rectified")

    def _policy(self, order: Order) -> OrderOutcome:
        policy = Policy(order.fields["version"], order.fields["sha256"])
        if hashlib.sha256(order.fields["text"].encode()).hexdigest() != policy.sha256:
            return refused("the text is not the one that sha256 names")
        again = order.fields["consent_again"]
        self._people.put_in_force(policy, order.fields["text"], consent_again=again, configured=self._configured)
        rest = "nobody is matched until they agree to it" if again else "earlier consents still hold"
        return done(f"policy {policy.version} is in force; {rest}")


def lift(person: str, lifts: Lifts, people: People) -> OrderOutcome:
    """End a restriction, or an objection if the person asked for that. Raises PeopleError for someone unknown."""
    before = people.restriction(person)
    if before is None:
        return done("not restricted")
    kept = _not_lifted(before, lifts)
    if kept is not None:
        return kept
    people.restrict(person, None)
    return done("matched again", restricted(person, Bar.LIFTED))


def _not_lifted(before: Restriction, lifts: Lifts) -> OrderOutcome | None:
    if before is Restriction.OBJECTED and lifts is not Lifts.OBJECTION:
        return refused("the person objected; only their own word lifts that")
    if before is Restriction.RESTRICTED and lifts is not Lifts.RESTRICTION:
        return refused("the person did not object; it is a restriction")
    return None


def continues(order: Order, people: People, *, lifted: bool) -> OrderOutcome:
    """The outcome of an order that takes back the end of an employment. An erased person stays erased. Raises
    PeopleError.

    `lifted`: an order of that end was kept here, and was dropped.
    """
    if lifted:
        return done("the end of the employment is lifted")
    person = order.person or ""
    if people.holds(person) and person not in people.enrolled():
        return refused("too late: no key of this person is here any more; enrol again")
    return done("no end is kept here, and an earlier order of one does not count any more")
