"""An act by hand and its record: the debt of the record is kept with the act, so that no crash parts the two.

`by` is who acts, a number (`operator_id`). Every function raises PeopleError, having changed nothing, for
one of another form: a record that nobody could read is never made, and the debt of it would stay for good.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from edge.domain.people.operator_id import is_by
from edge.domain.protocol.record_kinds import CommandOutcome, Kind
from edge.errors import PeopleError, TransferError
from edge.journal.journal import Journal
from edge.people.order_log import Saying
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.orders import acting
from edge.terminal.orders.order_handler import settle_by_hand

_Made = TypeVar("_Made")


def did(word: str, detail: str, person: str | None, outcome: CommandOutcome = CommandOutcome.DONE) -> Saying:
    """What the record says of an act that has no kind of its own."""
    data = {"command_id": secrets.token_hex(16), "command": str(word), "outcome": str(outcome)}
    return Kind.COMMAND_RESULT, {**data, "detail": detail, **({} if person is None else {"person": person})}


def changed(
    change: Callable[[], list[Saying]], people: People, journal: Journal, clock: Clock, by: str | None
) -> bool:
    """The change and the debt of its record in one transaction; then the record. False where nothing was said.

    Raises what `change` raises, PeopleError, JournalError.
    """
    check(by)
    with acting.by_hand(people.path.parent):
        with people.together():
            says = change()
            if says:
                _owe(says, people, by)
        settle_by_hand(people, journal, clock)
    return bool(says)


def handed_out(
    says: Saying, write: Callable[[], _Made], people: People, journal: Journal, clock: Clock, by: str
) -> _Made:
    """The debt of the record, then what `write` hands out, then the record: nothing leaves untold.

    Raises PeopleError, JournalError, and TransferError where `write` does: then nothing was handed out, not even in
    part, and nothing is told.
    """
    check(by)
    with acting.by_hand(people.path.parent):
        debt = _owe([says], people, by)
        try:
            made = write()
        except TransferError:
            people.orders.settled(debt)
            raise
        settle_by_hand(people, journal, clock)
    return made


def destroyed(
    begun: Saying,
    destroy: Callable[[], tuple[_Made, Saying]],
    people: People,
    journal: Journal,
    clock: Clock,
    by: str,
) -> _Made:
    """The debt of `begun`, then what `destroy` does to another file; what it says takes the place of `begun`.

    So what is cut short in between is told as begun, and not as done. Raises what `destroy` raises, PeopleError,
    JournalError.
    """
    check(by)
    with acting.by_hand(people.path.parent):
        debt = _owe([begun], people, by)
        made, says = destroy()
        with people.together():
            people.orders.settled(debt)
            _owe([says], people, by)
        settle_by_hand(people, journal, clock)
    return made


def check(by: str | None) -> None:
    """Before anything is done; None where nobody acts by hand. Raises PeopleError."""
    if by is not None and not is_by(by):
        raise PeopleError("who acts is said by a number, of a login or of the staff, and never by a name")


def _owe(says: Sequence[Saying], people: People, by: str | None) -> str:
    """What the journal is to say, and who did it; the id of the debt."""
    debt, acted = secrets.token_hex(16), {} if by is None else {"by": by}
    people.orders.take(debt, None, 0, owed=[(kind, {**data, **acted}) for kind, data in says])
    return debt
