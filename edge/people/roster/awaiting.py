"""Whom this terminal exported, held to the roster: who came and left again while it was away leaves here, too.

The other half of `edge.people.roster.sync`, which knows whom the roster brought.
"""

from edge.people.people_store import People
from edge.people.roster.sync import RosterSync


def note(sync: RosterSync, people: People, now: str | None) -> None:
    """Remember of each how far the roster was while they were waited for. Raises PeopleError.

    `now` (RFC 3339 UTC) is None while the clock is not sure. To be called before the first message is taken, too.
    """
    for one in people.exported.all():
        noted = one.noted(sync.version_held, now)
        if noted != one:
            people.exported.put(noted)


def leave(sync: RosterSync, people: People, now: str | None) -> list[str]:
    """Who is not listed by a roster that came too late to be of before their export; they are `leaving` then.

    To be called when all of the roster is here. Raises PeopleError.
    """
    missed = [one.person for one in people.exported.all() if one.is_missed(sync.version, now)]
    remaining = people.remaining() if missed else frozenset()
    left = [person for person in missed if person in remaining and sync.is_unlisted(person)]
    for person in left:
        sync.leave(person)
    return left
