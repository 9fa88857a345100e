"""The rights of a person at the terminal itself, where no centre is needed; each on record, like an order."""

import secrets
from collections.abc import Callable
from pathlib import Path

from edge.domain.badge import Token
from edge.domain.consent import Consent, Policy
from edge.domain.kinds import CommandOutcome, Kind, Restriction
from edge.domain.orders import Lifts, Word
from edge.domain.records import Origin
from edge.errors import PeopleError
from edge.journal.ring import Ring
from edge.ports import Clock
from edge.roster.orderbook import Saying
from edge.roster.people import People
from edge.roster.person import new_person_id
from edge.terminal import answers, enrolment, releasing
from edge.terminal.obeying import Done, lift
from edge.terminal.orders import settle


def restrict(person: str, restriction: Restriction, *, people: People, ring: Ring, clock: Clock) -> bool:
    """Keep somebody without matching them; False when that was so already. Raises PeopleError, JournalError."""

    def change() -> list[Saying]:
        if people.restriction(person) in {restriction, Restriction.OBJECTED}:
            return []
        people.restrict(person, restriction)
        return [(Kind.RESTRICTED, {"person": person, "state": str(restriction)})]

    return _on_record(change, people, ring, clock)


def unrestrict(person: str, lifts: Lifts, *, people: People, ring: Ring, clock: Clock) -> bool:
    """Match somebody again; False when nothing kept them from it.

    Raises PeopleError where it is not this bar that there is, JournalError.
    """

    def change() -> list[Saying]:
        done = lift(person, lifts, people)
        if done.outcome is CommandOutcome.REFUSED:
            cure = "give --by-person when they say so" if lifts is Lifts.RESTRICTION else "leave --by-person out"
            raise PeopleError(f"{done.detail}; {cure}")
        return list(done.says)

    return _on_record(change, people, ring, clock)


def agree(person: str, consent: Consent, policy: Policy, *, people: People, ring: Ring, clock: Clock) -> None:
    """A new consent of somebody who is enrolled, to `policy`: matched again, by the templates that are here (I9).

    Raises PeopleError for who is not enrolled or a consent that does not hold, JournalError.
    """

    def change() -> list[Saying]:
        member = people.member(person)
        if not member.templates:
            raise PeopleError(f"{person}: has no face here, and needs no consent; `smartclocker enrol` adds one")
        for model, matrix in member.templates.items():
            people.enrol(person, member.name, consent, policy, matrix, model)
        return [(Kind.CONSENT, enrolment.given(person, consent))]

    _on_record(change, people, ring, clock)


def rectify(person: str, name: str, *, people: People, ring: Ring, clock: Clock) -> None:
    """Give somebody their right name. Raises PeopleError, JournalError."""

    def change() -> list[Saying]:
        if not people.rectify(person, name):
            raise PeopleError(f"{person}: no name is held of this person any more; enrol again")
        return [_by_hand(Word.RECTIFY, "the name is rectified, by hand at the terminal")]

    _on_record(change, people, ring, clock)


def access(person: str, target: Path, origin: Origin, *, people: People, ring: Ring, clock: Clock) -> list[Path]:
    """Write everything that is held about a person into a folder of their own; it is on record that it was.

    Raises PeopleError, JournalError, TransferError.
    """
    now, state = clock.evidence(), people.path.parent
    found = answers.collect(person, now.utc, origin, people, ring, releasing.listed(state, person, now))
    written = answers.write_plain(found, target, releasing.packed(state, person, now))
    _on_record(lambda: [_by_hand(Word.ACCESS, f"handed out about {person}, by hand")], people, ring, clock)
    return written


def add(name: str, *, people: People, ring: Ring, clock: Clock) -> str:
    """Somebody without a face; their new id. Raises PeopleError, JournalError."""
    person = new_person_id()

    def change() -> list[Saying]:
        people.add(person, name)
        return [_by_hand("add", f"added {person} without a face")]

    _on_record(change, people, ring, clock)
    return person


def give_token(person: str, kind: Token, text: str, *, people: People, ring: Ring, clock: Clock) -> bool:
    """Give somebody a badge or a staff number; False when they have it. Raises PeopleError, JournalError."""

    def change() -> list[Saying]:
        fresh = people.means.give(person, kind, text)
        return [_by_hand(str(kind), f"given to {person}")] if fresh else []

    return _on_record(change, people, ring, clock)


def take_tokens(person: str, kind: Token, *, people: People, ring: Ring, clock: Clock) -> int:
    """Take all of somebody's badges or staff numbers; how many. Raises PeopleError, JournalError."""
    count = 0

    def change() -> list[Saying]:
        nonlocal count
        count = people.means.take(person, kind)
        return [_by_hand(str(kind), f"taken from {person}: {count}")] if count else []

    _on_record(change, people, ring, clock)
    people.purge()
    return count


def choose_pin(person: str, pin: str | None, *, people: People, ring: Ring, clock: Clock) -> None:
    """Choose somebody's PIN, or take it. Raises PeopleError, JournalError."""

    def change() -> list[Saying]:
        people.means.set_pin(person, pin)
        return [_by_hand("pin", f"{'taken from' if pin is None else 'chosen for'} {person}")]

    _on_record(change, people, ring, clock)


def delete_images(person: str | None, *, people: People, ring: Ring, clock: Clock) -> int:
    """Delete one person's evidence images, or all; how many. Raises EvidenceError, JournalError."""
    count = releasing.remove(person, people.path.parent, clock.evidence())
    _on_record(
        lambda: [_by_hand(str(Word.DELETE_EVIDENCE), f"{count} images deleted, by hand at the terminal")],
        people,
        ring,
        clock,
    )
    return count


def _by_hand(word: str, detail: str) -> Saying:
    done = Done(CommandOutcome.DONE, detail)
    data = {"command_id": secrets.token_hex(16), "command": str(word)}
    return Kind.COMMAND_RESULT, {**data, "outcome": str(done.outcome), "detail": done.detail}


def _on_record(change: Callable[[], list[Saying]], people: People, ring: Ring, clock: Clock) -> bool:
    """The change and the debt of its record in one transaction; then the record."""
    with people.together():
        owed = change()
        if owed:
            people.orders.take(secrets.token_hex(16), None, 0, owed=owed)
    settle(people, ring, clock)
    return bool(owed)
