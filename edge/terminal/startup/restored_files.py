"""Answers, evidence images and records of other doors that an older copy brought back after they were removed: they
are removed again.

The journal says what was removed, and its record numbers say whether a file was made after that, so that no clock
is needed. A journal that was put back with the files, or set aside, cannot say it.
"""

import logging

from edge.domain.plural import counted
from edge.domain.protocol.fields import PERSON
from edge.domain.protocol.order import Word
from edge.domain.protocol.order_outcome import OF_EVERYBODY
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import CommandOutcome, Kind
from edge.evidence_images.schema import NAME as IMAGES
from edge.evidence_images.store import Still, opened
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.site.schema import NAME as SITE
from edge.people.site.schema import forget, persons
from edge.ports import Clock
from edge.terminal.outbox.flush import says_erased
from edge.terminal.subject_access import report

_PERSON, _ORDER = slice(0, 26), slice(27, 59)
"""The parts of an answer's name (`report.keep`)."""

_log = logging.getLogger(__name__)


def drop_answers(people: People, journal: Journal) -> int:
    """Remove the answers about erased people, unless an order after the erasure asked for them; returns how many.

    Raises JournalError, TransferError.
    """
    folder = people.path.with_name(report.FOLDER)
    if folder.is_symlink() or not folder.is_dir():
        return 0
    erased = {person: seq for person, kind, seq in journal.words() if kind == Kind.ERASED}
    names = [path.name for path in folder.iterdir() if path.name[_PERSON] in erased]
    over = [name for name in names if (journal.taken_at(name[_ORDER]) or 0) < erased[name[_PERSON]]]
    if over:
        report.drop(folder, over)
        _log.error("an older copy brought back %s about erased people; removed again", counted(len(over), "answer"))
    return len(over)


def drop_images(people: People, journal: Journal, clock: Clock) -> int:
    """Delete the images that an earlier `delete-evidence` had deleted; returns how many.

    Raises JournalError, RecordError, EvidenceError.
    """
    with opened(people.path.with_name(IMAGES), clock.evidence()) as store:
        kept = [] if store is None else store.stills()
        if store is None or not kept:
            return 0
        first = min(_number(one, journal) for one in kept)
        words = [record for _, record in journal.results(first, Word.DELETE_EVIDENCE)]
        over = [one for one in kept if any(_took(record, one, journal) for record in words)]
        store.remove_some(over)
    if over:
        _log.error(
            "an older copy brought back %s that had been deleted; deleted again", counted(len(over), "image")
        )
    return len(over)


def drop_heard(people: People, journal: Journal) -> int:
    """Delete what an older copy has of people at other doors who were erased here since; returns of how many.

    Raises JournalError, PeopleError, SiteError.
    """
    path = people.path.with_name(SITE)
    heard = persons(path)
    if not heard:
        return 0
    here, gone = people.remaining(), people.gone()
    over = [one for one in heard if one in gone or (one not in here and says_erased(journal, one))]
    for person in over:
        forget(path, person)
    if over:
        _log.error("an older copy brought back what was heard of %s; deleted again", counted(len(over), "person"))
    return len(over)


def _number(one: Still, journal: Journal) -> int:
    """Number of the record of this journal that an image belongs to; 0 for an image of an earlier epoch."""
    _, epoch, seq = one.record.split("/")
    return int(seq) if epoch == journal.epoch else 0


def _took(record: Record, one: Still, journal: Journal) -> bool:
    """Whether a deletion covers an image. A record that does not say whose images were deleted covers none."""
    data = record.data
    if data["outcome"] == CommandOutcome.REFUSED or _number(one, journal) > record.position.seq:
        return False
    person = data.get("person")
    if isinstance(person, str) and PERSON.fullmatch(person) is not None:
        return person == one.person
    return "by" in data or OF_EVERYBODY in data["detail"]
