"""Badges, staff numbers and PINs of an older people file that was put back: what was taken since opens nothing.

Each act by hand is known to the people file under the id that the journal has of it. One that the journal has and
the file does not is younger than the file: no clock is asked. No record says which number it was, so that all of
that kind go that somebody has in the older file. What was given since is not in it, and has to be given again.
"""

import logging
from itertools import groupby

from edge.domain.badge import Token
from edge.domain.kinds import PERSON
from edge.domain.orders import Word
from edge.domain.records import Record
from edge.errors import PeopleError
from edge.journal.ring import Ring
from edge.roster.people import People
from edge.terminal.by_hand import PIN, TAKEN

_log = logging.getLogger(__name__)


def take_anew(people: People, ring: Ring) -> int:
    """Take from people of this terminal what was taken after this file; from how many. Raises PeopleError.

    What keeps it from one person keeps no other, and is tried again at the next start. A file that has forgotten
    acts, of more than ten thousand, is left alone: what it does not know may be old. Raises JournalError.
    """
    acts = ring.results(0, *Token, PIN, Word.RECTIFY)  # first: the file knows of each that is in the journal
    if not people.orders.remembers():
        return 0
    # what names nobody here is an order of the authority: it is carried out anew when it comes again
    named = [(_person(record), act, record) for act, record in acts if _person(record)]
    unknown = [one for one in named if not people.orders.known(one[1])]
    here, done, told = people.remaining(), 0, []
    for person, group in groupby(sorted(unknown, key=lambda one: one[0]), key=lambda one: one[0]):
        theirs = list(group)
        try:
            with people.together():
                if person in here:
                    done += _taken(person, [record for _, _, record in theirs], people)
                    told.append(person)
                for _, act, _ in theirs:
                    people.orders.take(act, None, 0, owed=())
                    people.orders.settled(act)
        except PeopleError as error:
            _log.error("%s: what was taken from them since cannot be taken anew: %s", person, error)
    if told:
        people.purge()
        _log.error(
            "the people file does not know what was done by hand to %s since: somebody put an older copy of it "
            "back. Badges and PINs that were taken since are taken again; give those that were given since, and "
            "correct the names, anew",
            ", ".join(told),
        )
    return done


def _person(record: Record) -> str:
    person = record.data.get("person")
    return person if isinstance(person, str) and PERSON.fullmatch(person) is not None else ""


def _taken(person: str, acts: list[Record], people: People) -> bool:
    """Inside a transaction; whether anything went. A PIN that was chosen anew ends the one before."""
    taken = {str(act.data["command"]) for act in acts if str(act.data["detail"]).startswith(TAKEN)}
    chosen = {str(act.data["command"]) for act in acts} & {PIN}
    went = sum(people.means.take(person, kind) for kind in Token if kind in taken)
    if PIN in taken | chosen and people.means.has_pin(person):
        people.means.set_pin(person, None)
        went += 1
    return went > 0
