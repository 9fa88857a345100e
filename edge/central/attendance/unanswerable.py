"""Refuses questions to the ledger that cannot have an answer, because an empty answer would look like a fact."""

from edge.central.attendance.punch_report import Wanted
from edge.central.roster import known_persons
from edge.central.store.records import Store
from edge.domain.protocol.fields import PERSON
from edge.errors import QuestionError


def refuse_unanswerable(store: Store, wanted: Wanted) -> None:
    """Raises QuestionError if no record can match; its text names every reason."""
    known = {terminal.origin for terminal in store.terminals()}
    wrong = []
    if wanted.first is not None and wanted.last is not None and wanted.first > wanted.last:
        wrong.append(f"--from {wanted.first} is after --to {wanted.last}; exchange them")
    if not any(wanted.here(origin) for origin in known):
        where = f"{wanted.site or '*'}/{wanted.terminal or '*'}"
        wrong.append(f"{where}: no such terminal was ever registered; `smartclocker central terminals` lists them")
    if wanted.person is not None:
        wrong += unknown_person(store, wanted.person)
    if wrong:
        raise QuestionError("; ".join(wrong))


def refuse_unknown(store: Store, person: str | None, instead: str) -> None:
    """Refuses a person id that nothing here names, because a typing error would look like a fact.

    `instead` says what was not done, and how to do it anyway. Raises QuestionError.
    """
    wrong = [] if person is None else unknown_person(store, person)
    if wrong:
        raise QuestionError(f"{'; '.join(wrong)}; {instead}")


def unknown_person(store: Store, person: str) -> list[str]:
    """What is wrong with this person id; empty if a record or the roster names it."""
    where = "`smartclocker central roster list DIR --names` shows them"
    if PERSON.fullmatch(person) is None:
        return [f"{person!r} is no person id; an id has 26 letters and digits; {where}"]
    if not store.names(person) and not known_persons.knows(store.path.parent, person):
        return [f"{person}: no record and no roster here names this person; {where}"]
    return []
