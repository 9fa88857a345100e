"""Repair after an older people file was put back: credentials that were taken since are taken again, and what the
file lacks is noted.

The people file knows each act under the id that the journal has of it. An act that the journal has and the file
does not have is younger than the file, so that no clock is needed. No record says which number was taken, so that
the person loses all credentials of that kind that the older file has. What was given since is not in the file and
has to be given again: it is noted what each person lacks (`edge.people.lacking`), and that is an alarm until
somebody says that they looked.
"""

import hashlib
import logging
from collections.abc import Sequence
from itertools import groupby

from edge.domain.people.credentials import Token
from edge.domain.protocol.fields import PERSON
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import Kind
from edge.errors import PeopleError
from edge.journal.journal import Journal
from edge.people.lacking import named
from edge.people.people_store import People
from edge.terminal.operator.actions import PIN, SUPERVISOR, TAKEN
from edge.terminal.startup.given_since import GIVING, lacking

_UNTOLD = (
    "the people file has ten thousand acts of an earlier version, which did not forget the oldest acts first: "
    "whether an older copy of the file was put back cannot be told before the next act at this terminal. If "
    "somebody put one back, take the badges and PINs again that were taken since"
)
_Act = tuple[str, Record]
"""The id under which the act was taken, and its record."""

_log = logging.getLogger(__name__)


def take_anew(people: People, journal: Journal) -> int:
    """Take from people here what was taken after this file was made, and note what it lacks; returns from how many
    something was taken.

    What fails for one person does not stop the others, and is tried again at the next start. A file remembers ten
    thousand acts. If it has forgotten some, and forgets the oldest first, the acts are judged that came after the
    newest act that it knows. If an earlier version took all of them, the forgotten acts may be of any age: then
    nothing is judged and a warning says so, because an unknown act may be older than the file, and repeating it
    could take a badge that was given since. Raises PeopleError, JournalError, RecordError.
    """
    acts = [
        *journal.results(0, *GIVING, SUPERVISOR),
        *journal.enrolments(),
    ]  # read before the file: by then the file knows each act that is in the journal
    if not people.orders.remembers():
        if not people.orders.forgets_the_oldest():  # their order of age is unknown
            if not all(people.orders.known(act) for act, _ in acts):
                _log.warning(_UNTOLD)
            return 0
        seqs = dict(journal.taken())
        newest = max((seq for act, seq in seqs.items() if people.orders.known(act)), default=0)
        acts = [one for one in acts if seqs[one[0]] > newest]
    # An order that names nobody is carried out again when it comes again.
    acts = [one for one in acts if _person(one) and not people.orders.known(one[0])]
    unknown = sorted((one for one in acts if not people.orders.known(_note_id(one))), key=_person)
    lacks = lacking((record for _, record in unknown), people, journal)
    here, done, told = people.remaining(), 0, []
    by_person = {person: list(group) for person, group in groupby(unknown, key=_person)}
    with people.together():  # a new file knows none of them: one write, not thousands
        absent = sorted(by_person.keys() - here)
        for person in absent:
            people.lacking.note(person, lacks.get(person, ()))
        people.orders.know(_note_id(act) for person in absent for act in by_person[person])
    for person in sorted(by_person.keys() & here):
        try:
            with people.together():
                done += _taken(person, [record for _, record in by_person[person]], people)
                people.lacking.note(person, lacks.get(person, ()))
                people.orders.know(_note_id(act) for act in by_person[person])
            told.append(person)
        except PeopleError as error:
            _log.error("%s: what was taken from them since cannot be taken again: %s", person, error)
    if told:
        people.purge()
        _log.error(
            "the people file does not know what was done to %s since: somebody put an older copy of it "
            "back. Badges and PINs that were taken since are taken again",
            named(told),
        )
    return done


def _note_id(act: _Act) -> str:
    """The id under which the file remembers that an act was noted. The own id of an order stays unknown, because
    the order may come again; and that of a withdrawal, because `restored_people` may still have to repeat it.
    """
    taken, record = act
    if record.kind == Kind.COMMAND_RESULT and "by" in record.data:
        return taken
    return hashlib.sha256(f"{taken}:noted".encode()).hexdigest()[:32]


def _person(act: _Act) -> str:
    person = act[1].data.get("person")
    return person if isinstance(person, str) and PERSON.fullmatch(person) is not None else ""


def _taken(person: str, records: Sequence[Record], people: People) -> bool:
    """Take a person's credentials again, inside a transaction; returns whether any was there. A new PIN ends the
    one before it.
    """
    acts = [one.data for one in records if one.kind == Kind.COMMAND_RESULT]
    taken = {str(act["command"]) for act in acts if str(act["detail"]).startswith(TAKEN)}
    chosen = {str(act["command"]) for act in acts} & {PIN}
    went = sum(people.credentials.take(person, kind) for kind in Token if kind in taken)
    if PIN in taken | chosen and people.credentials.has_pin(person):
        people.credentials.set_pin(person, None)
        went += 1
    if SUPERVISOR in taken and people.credentials.supervisor(person) is not None:
        people.credentials.set_supervisor(person, None)
        went += 1
    return went > 0
