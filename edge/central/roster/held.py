"""Checks whether the centre's own roster still holds what a person asked to have ended. Such a request is not
answered yet.
"""

from pathlib import Path

from edge.central.roster import membership
from edge.central.roster.schema import ROSTER_DB
from edge.central.roster.store import RosterStore
from edge.domain.privacy.subject_requests import Right


def contradicts(directory: Path, person: str, right: str) -> str | None:
    """What the roster still holds, with the cure; None if it holds nothing of it. Raises LedgerError,
    PeopleError.
    """
    if not (directory / ROSTER_DB).exists():
        return None
    with RosterStore(directory) as store:
        here = sorted(membership.places(store, person))
        why = _kept(store, person, right, here)
        unsent = [
            site for site in store.sites() if (row := store.members(site).get(person)) is not None and row.stale
        ]
    if why is None and unsent and right in {Right.ERASURE, Right.WITHDRAWAL, Right.OBJECTION}:
        return f"the roster of {', '.join(unsent)} is changed and not published; `central roster publish`"
    return why


def _kept(store: RosterStore, person: str, right: str, here: list[str]) -> str | None:
    sites = ", ".join(here)
    if right == Right.ERASURE and here:
        return f"the roster of {sites} still has them; `central order … erase`, or `central roster remove`"
    if right in {Right.ERASURE, Right.WITHDRAWAL} and not here and person in store.people.enrolled():
        return "roster-people.db still has them, although they belong to no site; `central roster remove`"
    held = membership.readable(store, person) if here else None
    if right == Right.WITHDRAWAL and held is not None and held.templates:
        return f"the roster of {sites} still has their face; `central order … withdraw`"
    if right == Right.OBJECTION and held is not None and held.templates and not held.objected:
        return f"the roster of {sites} does not know of their objection; `central order … object`"
    return None
