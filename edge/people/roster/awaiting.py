"""The people whom this terminal exported, compared with the roster. A person who was added to it and removed from
it while the terminal was away is erased here too.

It complements `edge.people.roster.sync`, which handles the people whom the roster brought.
"""

from edge.people.people_store import People
from edge.people.roster.sync import RosterSync


def note(sync: RosterSync, people: People, now: str | None) -> None:
    """Note for each awaited person the version that the roster had while they were waited for. Raises PeopleError.

    `now` (RFC 3339 UTC) is None while the clock is not sure. The caller also calls this before the first message is
    taken.
    """
    for one in people.exported.all():
        noted = one.noted(sync.version_held, now)
        if noted != one:
            people.exported.put(noted)


def leave(sync: RosterSync, people: People, now: str | None) -> list[str]:
    """Mark as `leaving` each awaited person whom the roster does not list, if it is too new to date from before
    their export.

    Returns their ids. The caller calls this when all of the roster has arrived. Raises PeopleError.
    """
    missed = [one.person for one in people.exported.all() if one.is_missed(sync.version, now)]
    remaining = people.remaining() if missed else frozenset()
    left = [person for person in missed if person in remaining and sync.is_unlisted(person)]
    for person in left:
        sync.leave(person)
    return left
