"""The completion of the outbox: the one way from an act on a person to its record in the journal.

An act has three steps. A crash between two of them loses nothing, and no record is written twice:

1. one transaction of the people file: the change, the act's id, and its pending records (`edge.people.outbox`);
2. the change in other files: the people file is rewritten, images and answers of the person, and what was
   heard of them at other doors, are deleted;
3. the records are written to the journal, under the id of the act, and then the entry is removed from the outbox.

`flush` does steps 2 and 3. Each step may be repeated. Orders, operators, the roster and every start call `flush`.
"""

import hashlib
import logging
from pathlib import Path

from edge.domain.protocol.fields import PERSON
from edge.domain.protocol.order import Word
from edge.domain.protocol.order_outcome import OF_EVERYBODY
from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_draft import RecordDraft, erased
from edge.domain.protocol.record_kinds import CommandOutcome, Kind
from edge.domain.time.evidence import TimeEvidence
from edge.domain.vocabulary import ErasureReason
from edge.errors import PeopleError, RecordError, TransferError
from edge.evidence_images.schema import NAME as IMAGES
from edge.evidence_images.store import forget_images, remove_images
from edge.journal.journal import Journal
from edge.people.outbox import OutboxEntry
from edge.people.people_store import People
from edge.people.site.schema import NAME as SITE
from edge.people.site.schema import forget as forget_heard
from edge.ports import Clock
from edge.terminal.outbox import operator_lock
from edge.terminal.subject_access import report

_log = logging.getLogger(__name__)


def flush(
    people: People, journal: Journal, clock: Clock, *, interrupted: bool = False, lock_held: bool = False
) -> int:
    """Complete every pending act; returns how many. Raises PeopleError, TransferError, JournalError.

    `interrupted`: the acts were begun earlier, and the results of orders say so; erasures without an outbox entry
    are completed, too. `lock_held`: the caller holds the operator's lock; without it, the pending entries of an
    operator are left alone while the operator's action lasts. An act of which no record can be made is set aside
    (`Outbox.set_aside`). An act that fails, or is left alone, does not stop the others. Only later acts about the
    same people wait for it, because the newest record about a person counts.
    """
    started = _Completion(people, journal, clock, interrupted)
    if interrupted:
        started.unrecorded_erasures()
    entries = people.outbox.pending()
    if lock_held or not any(entry.by_hand for entry in entries):
        return started.entries(entries)
    with operator_lock.tried(people.path.parent) as free:
        # Read again: an operator may have finished an action since.
        return started.entries(people.outbox.pending(), by_hand=free)


def says_erased(journal: Journal, person: str) -> bool:
    """Whether an erasure is the newest event of a person's enrolment in the journal; restrictions do not count.
    Raises JournalError.
    """
    told = [(seq, kind) for _, kind, seq in journal.words(person) if kind != Kind.RESTRICTED]
    return max(told, default=(0, ""))[1] == Kind.ERASED


class _Completion:
    """One `flush`."""

    def __init__(self, people: People, journal: Journal, clock: Clock, interrupted: bool) -> None:
        self._people, self._journal, self._clock, self._interrupted = people, journal, clock, interrupted
        self._failed: PeopleError | TransferError | None = None
        self._count = 0

    def unrecorded_erasures(self) -> None:
        """Complete the erasures that have no outbox entry; each gets one, unless the journal has its record.

        Such erasures were made by an older version, or were repeated in a people file that was put back.
        """
        for person, reason in self._people.unrecorded_erasures():
            try:
                self._finish_erasure(person, reason)
            except (PeopleError, TransferError) as error:
                self._failed = self._failed or error

    def entries(self, entries: list[OutboxEntry], *, by_hand: bool = True) -> int:
        """Complete these entries, without `by_hand` none of an operator; returns how many acts were completed in
        all. Raises the first error, but only after all other entries were tried.
        """
        waiting: set[str] = set()
        for entry in entries:
            if (entry.by_hand and not by_hand) or entry.persons & waiting:
                waiting |= entry.persons
                continue
            try:
                self._complete(entry)
                self._count += 1
            except (RecordError, KeyError, TypeError) as error:
                _log.critical(
                    "no record can be made of the act %s, which is set aside (operations.md, record-aside): %s",
                    entry.id,
                    error,
                )
                self._people.outbox.set_aside(entry.id)
            except (PeopleError, TransferError) as error:
                self._failed = self._failed or error  # an error of one entry does not stop the others
                waiting |= entry.persons
        if self._failed is not None:
            raise self._failed
        return self._count

    def _complete(self, entry: OutboxEntry) -> None:
        people, evidence, act = self._people, self._clock.evidence(), _journal_id(entry)
        _refuse_altered(entry)
        gone, withdrawn = entry.people(Kind.ERASED), entry.people(Kind.CONSENT, state="withdrawn")
        # an interruption before may have left older pages: remove them
        people.rewrite() if gone else people.purge()
        for person in withdrawn:
            forget_images(people.path.with_name(IMAGES), person, evidence)
        for person in gone:
            self._forget(person, evidence)
        if self._journal.taken_at(act) is None:  # else an older people file was put back: newer images stay
            for draft in entry.records:
                _delete_images(draft, people.path.with_name(IMAGES), evidence)
        *before, last = (Draft(Kind(kind), data, evidence) for kind, data in entry.records)
        if self._interrupted and "detail" in last.data:
            detail = f"{last.data['detail'][:160]}; completed after an interruption"
            last = Draft(last.kind, {**last.data, "detail": detail}, evidence)
        # does nothing when a crash came after the record was written
        self._journal.take_command(act, last, *before)
        with people.together():
            for person in gone:
                people.erasure_over(person)
            people.outbox.remove(entry.id)

    def _finish_erasure(self, person: str, reason: str) -> None:
        people, evidence = self._people, self._clock.evidence()
        known = ErasureReason(reason) if reason in set(ErasureReason) else ErasureReason.EMPLOYER
        # No record can name a person whose id was altered.
        told = PERSON.fullmatch(person) is None or says_erased(self._journal, person)
        with people.together():
            if (person, reason) not in people.unrecorded_erasures():
                return  # another thread was first
            people.erase(person, evidence.utc, known)
            if not told:
                people.outbox.add([erased(person, known, 0)])
                return
        people.rewrite()
        self._forget(person, evidence)
        people.erasure_over(person)
        self._count += 1

    def _forget(self, person: str, evidence: TimeEvidence) -> None:
        path = self._people.path
        forget_images(path.with_name(IMAGES), person, evidence)
        report.forget(path.with_name(report.FOLDER), person)
        forget_heard(path.with_name(SITE), person)


def _delete_images(draft: RecordDraft, images: Path, evidence: TimeEvidence) -> None:
    """Delete the images that the result of an order names; an operator's action deletes them before its record."""
    data = draft.data
    if draft.kind != Kind.COMMAND_RESULT or data.get("command") != Word.DELETE_EVIDENCE or "by" in data:
        return
    person = data.get("person")
    if data.get("outcome") == CommandOutcome.DONE and (
        isinstance(person, str) or OF_EVERYBODY in str(data.get("detail"))
    ):
        remove_images(images, person, evidence)


def _refuse_altered(entry: OutboxEntry) -> None:
    """Raises RecordError when a record names somebody by what is no id, so that no other file is asked for it."""
    for draft in entry.records:
        person = draft.data.get("person")
        if person is not None and not (isinstance(person, str) and PERSON.fullmatch(person)):
            raise RecordError(f"{draft.kind}: the person's id was altered")


def _journal_id(entry: OutboxEntry) -> str:
    """The id under which the journal remembers an entry. An order that is not carried out yet gets an id of its own
    here, because its result follows under the order's id.
    """
    if not entry.kept:
        return entry.id
    return hashlib.sha256(f"{entry.id}:kept".encode()).hexdigest()[:32]
