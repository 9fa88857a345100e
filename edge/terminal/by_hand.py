"""The rights of a person at the terminal itself, where no centre is needed; each on record, like an order."""

import secrets
from collections.abc import Callable
from pathlib import Path

from edge.domain.kinds import CommandOutcome, Kind, Restriction
from edge.domain.orders import Lifts, Word
from edge.domain.records import Origin
from edge.errors import PeopleError
from edge.journal.ring import Ring
from edge.ports import Clock
from edge.roster.orderbook import Saying
from edge.roster.people import People
from edge.terminal import answers
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
    found = answers.collect(person, clock.evidence().utc, origin, people, ring)
    written = answers.write_plain(found, target)
    _on_record(lambda: [_by_hand(Word.ACCESS, f"handed out about {person}, by hand")], people, ring, clock)
    return written


def _by_hand(word: Word, detail: str) -> Saying:
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
