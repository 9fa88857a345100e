"""What a start makes of the notes on the roster and of the people file, of which either may be an older copy.

1. Whoever is noted as held and is not in the people file, or is there with an older entry, is forgotten: their
   entry is to come again. So is whoever is noted as gone under a number that is above the manifest's.
2. Whoever is noted under a number above the manifest's is kept out until their entry comes again: their manifest
   did not come before the end, or the number was altered. Only the manifest of that number, or a later one, tells
   that they are not listed.
3. Whoever is noted as gone and is in the people file again, by an older copy of it, leaves again.
4. Whomever the roster brought and the notes do not know is kept out until their entry comes again: who left the
   roster meanwhile is to leave here, too. Where the notes are an older copy, their manifest tells of nobody that
   they are not listed; nor does any manifest below the newest entry that changed people, which may be theirs.
5. Whoever is noted as held and whose row in the people file was altered is kept out until their entry mends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.domain.roster.entry_state import GONE, HELD, OUT, TO_COME, EntryState, Leaving, leaving_for

FAR = 1_000
"""Manifests that a terminal may have missed: the number of an entry that is further ahead was altered."""
_ALTERED = "what is kept of them here was altered"


@dataclass(frozen=True, slots=True)
class PeopleFacts:
    """What the people file says at a start."""

    known: frozenset[str]
    """Who is in it with anything of their own."""
    remaining: frozenset[str]
    """Who is in it and was not erased."""
    written: Mapping[str, int]
    """By person, the content number of the roster's entry that was written last."""
    damaged: frozenset[str]
    """Whose row was altered."""
    floor: int
    """The newest manifest that changed people."""
    newest: int
    """The highest number of an entry that changed people, whether its manifest came or not."""


@dataclass(frozen=True, slots=True)
class Restart:
    """What follows for the notes."""

    rows: dict[str, EntryState]
    forgotten: tuple[str, ...]
    """Whose notes are to be deleted."""
    not_written: dict[str, int]
    """Content numbers that an earlier version did not write into the people file."""
    leaving: dict[str, Leaving]
    blind_up_to: dict[str, int]
    """By person, the last version of the manifest that cannot tell whether they are listed."""
    newest: int
    """The highest number of an entry that is ahead of the manifest; 0 for none."""


def restart(noted: Mapping[str, EntryState], version: int, people: PeopleFacts) -> Restart:
    """`noted` as it is in the file, `version` of the manifest there; 0 for none."""
    ahead = [row for row in noted.values() if row.version > version]
    forgotten = [row.person for row in noted.values() if row.state == HELD and _is_older_than(row, people)]
    forgotten += [row.person for row in ahead if row.state == GONE]
    rows = {person: row for person, row in noted.items() if person not in set(forgotten)}
    ahead = [row for row in ahead if row.person in rows]
    rows |= {row.person: EntryState(row.person, 0, "", row.content, OUT, TO_COME) for row in ahead}
    blind = {row.person: _last_before(row.version, version) for row in ahead}
    here = {row.person: row.content for row in rows.values() if row.state != GONE and row.person in people.known}
    unknown = _last_before(people.newest, version) if version < people.newest else None
    unknown = version if unknown is None and version < people.floor else unknown
    for person in (people.remaining & people.written.keys()) - rows.keys():
        rows[person] = EntryState(person, 0, "", people.written[person], OUT, TO_COME)
        blind |= {} if unknown is None else {person: unknown}
    for person in people.damaged & rows.keys():
        if rows[person].state == HELD:
            rows[person] = replace(rows[person], state=OUT, reason=_ALTERED)
    gone = [row for row in rows.values() if row.state == GONE and row.person in people.remaining]
    return Restart(
        rows,
        tuple(forgotten),
        here if here.keys() - people.written.keys() else {},
        {row.person: leaving_for(row) for row in gone},
        blind,
        max((row.version for row in ahead), default=0),
    )


def _last_before(entry: int, version: int) -> int:
    """The last manifest that cannot tell whether somebody is listed whose entry has this number."""
    return version if entry > version + FAR else entry - 1


def _is_older_than(row: EntryState, people: PeopleFacts) -> bool:
    """Whether the people file is another one than the entry was taken into, or an older copy of it."""
    return row.person not in people.known or people.written.get(row.person, row.content) < row.content
