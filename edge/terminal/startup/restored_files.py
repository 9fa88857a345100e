"""What lies again in the state directory though it was removed: answers and evidence images of an older copy.

The journal says what was removed, and by its numbers whether something was made after that: no clock is asked. A
journal that was put back with them, or set aside, tells nothing.
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
from edge.ports import Clock
from edge.terminal.subject_access import report

_PERSON, _ORDER = slice(0, 26), slice(27, 59)
"""Of an answer's name (`answers.keep`)."""

_log = logging.getLogger(__name__)


def drop_answers(people: People, journal: Journal) -> int:
    """Remove the answers about somebody erased that no order of after their erasure asked for; how many.

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
        _log.error("%s of the erased had been put back, and was removed again", counted(len(over), "answer"))
    return len(over)


def drop_images(people: People, journal: Journal, clock: Clock) -> int:
    """Delete the images that were there before a `delete-evidence` that took them; how many.

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
        _log.error("%s that was deleted had been put back, and was deleted again", counted(len(over), "image"))
    return len(over)


def _number(one: Still, journal: Journal) -> int:
    """Which record of this journal an image belongs to; 0 for one of an earlier epoch, before them all."""
    _, epoch, seq = one.record.split("/")
    return int(seq) if epoch == journal.epoch else 0


def _took(record: Record, one: Still, journal: Journal) -> bool:
    """Whether a deletion took an image, had it been there; what does not say whose images it took says nothing."""
    data = record.data
    if data["outcome"] == CommandOutcome.REFUSED or _number(one, journal) > record.position.seq:
        return False
    person = data.get("person")
    if isinstance(person, str) and PERSON.fullmatch(person) is not None:
        return person == one.person
    return "by" in data or OF_EVERYBODY in data["detail"]
