"""The conclusions at a start from the notes on the roster and the people file, of which either may be an older
copy.

1. A person noted as held who is not in the people file, or is there with an older entry, is removed from the notes,
   so that the entry is fetched again. So is a person noted as gone with a version above the manifest's.
2. A person noted with a version above the manifest's is kept out until the entry comes again: the program ended
   before the manifest came, or the version was altered. Only a manifest of that version or a later one tells that
   the person is not listed.
3. A person noted as gone who is in the people file again, because that is an older copy, is erased again.
4. A person whom the roster brought and who is not in the notes is kept out until the entry comes again: if they
   left the roster meanwhile, they must be erased here too. Where the notes are an older copy, their manifest does
   not tell that a person is not listed. Neither does a manifest below the newest entry that changed people, because
   that entry may be this person's.
5. A person noted as held whose row in the people file was altered is kept out until the entry repairs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.domain.roster.entry_state import GONE, HELD, OUT, TO_COME, EntryState, Leaving, leaving_for

FAR = 1_000
"""Manifests that a terminal may have missed. An entry's version further ahead than this was altered."""
_ALTERED = "what is kept of them here was altered"


@dataclass(frozen=True, slots=True)
class PeopleFacts:
    """The facts that the people file holds at a start."""

    known: frozenset[str]
    """The people of whom the file has any data."""
    remaining: frozenset[str]
    """The people in the file who were not erased."""
    written: Mapping[str, int]
    """By person, the content number of the roster entry that was written last."""
    damaged: frozenset[str]
    """The people whose row was altered."""
    floor: int
    """Version of the newest manifest that changed people."""
    newest: int
    """The highest version of an entry that changed people, whether its manifest came or not."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The changes that follow for the notes."""

    rows: dict[str, EntryState]
    forgotten: tuple[str, ...]
    """The people whose notes are to be deleted."""
    not_written: dict[str, int]
    """By person, content numbers that an earlier version of the program did not write into the people file."""
    leaving: dict[str, Leaving]
    blind_up_to: dict[str, int]
    """By person, the last version of the manifest that cannot tell whether they are listed."""
    newest: int
    """The highest version of an entry that is ahead of the manifest; 0 for none."""


def restart(noted: Mapping[str, EntryState], version: int, people: PeopleFacts) -> Restart:
    """The conclusions from `noted`, the notes in the file, and `version`, that of the manifest there (0 for
    none).
    """
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
    """The last version of a manifest that cannot tell whether a person is listed whose entry has the version
    `entry`.
    """
    return version if entry > version + FAR else entry - 1


def _is_older_than(row: EntryState, people: PeopleFacts) -> bool:
    """Whether the people file is not the one into which the entry was written, or is an older copy of it."""
    return row.person not in people.known or people.written.get(row.person, row.content) < row.content
