"""An operator's action and its record, both through the outbox, so that no crash separates them.

`by` is the operator, as a number (`operator_id`). If it has another form, every function raises PeopleError and
changes nothing: no record could be made of the action, and its outbox entry would stay forever.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from edge.domain.people.operator_id import is_by
from edge.domain.protocol.record_draft import RecordDraft, command_result
from edge.domain.protocol.record_kinds import CommandOutcome
from edge.errors import PeopleError, TransferError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.outbox import operator_lock
from edge.terminal.outbox.flush import flush

_Made = TypeVar("_Made")


def result_record(
    word: str, detail: str, person: str | None, outcome: CommandOutcome = CommandOutcome.DONE
) -> RecordDraft:
    """The record of an action that has no record kind of its own."""
    return command_result(secrets.token_hex(16), word, outcome, detail, person)


def audited(
    change: Callable[[], Sequence[RecordDraft]], people: People, journal: Journal, clock: Clock, by: str | None
) -> bool:
    """Change the people file and add the pending records in one transaction, then `flush`.

    Returns False when `change` returned no record. Raises what `change` raises, PeopleError, JournalError.
    """
    _check(by)
    with operator_lock.held(people.path.parent):
        with people.together():
            records = change()
            if records:
                people.outbox.add(_signed(records, by))
        flush(people, journal, clock, lock_held=True)
    return bool(records)


def audited_outside(
    begun: RecordDraft,
    act: Callable[[], tuple[_Made, RecordDraft]],
    people: People,
    journal: Journal,
    clock: Clock,
    by: str,
    *,
    all_or_nothing: bool = False,
) -> _Made:
    """Act on other files: add the record `begun`, call `act`, put its record there instead, then `flush`.

    So an action that was cut short is recorded as begun. Returns what `act` made. `all_or_nothing`: when `act`
    raises TransferError, it did nothing, not even a part, and nothing is recorded. Raises what `act` raises,
    PeopleError, JournalError.
    """
    _check(by)
    with operator_lock.held(people.path.parent):
        entry = people.outbox.add(_signed([begun], by))
        try:
            made, record = act()
        except TransferError:
            if all_or_nothing:
                people.outbox.remove(entry)
            raise
        people.outbox.replace(entry, _signed([record], by))
        flush(people, journal, clock, lock_held=True)
    return made


def _check(by: str | None) -> None:
    """Check the operator before anything is done; None when nobody acts by hand. Raises PeopleError."""
    if by is not None and not is_by(by):
        raise PeopleError(
            "an operator is named by a number, of a login or of the staff, and never by a name; give such a number"
        )


def _signed(records: Sequence[RecordDraft], by: str | None) -> list[RecordDraft]:
    acted = {} if by is None else {"by": by}
    return [RecordDraft(kind, {**data, **acted}) for kind, data in records]
