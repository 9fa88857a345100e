"""The erasures and withdrawals that the journal has, and that the people file does not have or that somebody undid:
they are repeated.

An older people file that was put back lacks them. And a roster entry may undo one that was made while no time
server had set the clock: by its time, the consent in the entry is the later one.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from edge.domain.people.consent import Consent
from edge.domain.protocol.record import Record, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.instant import is_later
from edge.domain.vocabulary import ErasureReason
from edge.evidence_images.schema import NAME as IMAGES
from edge.evidence_images.store import forget_images
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.ports import Clock

_WITHDRAWN = b'"withdrawn"'
"""Bytes that are in every record of a withdrawal. Nearly all records lack them, and need not be decoded."""
_WITHIN = timedelta(hours=1)
"""Greatest time between a consent and its record: the photographs are taken in between."""


def end_again(
    person: str, last: Mapping[str, int], people: People, journal: Journal, clock: Clock, *, unsure: bool = False
) -> bool:
    """Erase a person or withdraw their consent if that is the newest event of their enrolment; returns whether it
    was done.

    `last` is the number of the newest record of each kind about the person (`Journal.words`). An erasure is only
    begun: `flush` completes it, without a second record. `unsure`: only if no time server had set the clock at the
    event, because otherwise the people file compares the times rightly by itself. Raises PeopleError, JournalError,
    RecordError, EvidenceError.
    """
    erased, said = last.get(Kind.ERASED, 0), last.get(Kind.CONSENT, 0)
    word = max(erased, said, last.get(Kind.ENROLLED, 0))
    record = _ending(journal, word, withdrawal=word == said) if word in {erased, said} else None
    if record is None or (unsure and record.time.synchronised):
        return False
    given = people.consent(person)
    if given is not None and _is_since(person, given, word, journal):
        return False  # they agreed since, at another terminal
    utc = clock.evidence().utc
    if word == erased:
        reason = record.data["reason"]
        people.erase(person, utc, ErasureReason(reason) if reason in set(ErasureReason) else ErasureReason.EMPLOYER)
        return True
    if given is None or given.withdrawn_at is not None or not people.withdraw(person, utc):
        return False
    forget_images(people.path.with_name(IMAGES), person, clock.evidence())
    return True


def _is_since(person: str, given: Consent, word: int, journal: Journal) -> bool:
    """Whether a consent was surely given after the record `word` was made.

    If the consent's own record stands before it, it was given before, whatever the clock said. A consent without a
    record here was given at another terminal: then the times decide. The time of `word` itself is of no use if no
    time server had set the clock, because it may say 1970. Instead, `word` is surely older than the first record
    after it whose clock was set. While there is no such record, no consent is surely later.
    """
    if any(_tells_of(record, given) for record in journal.consents_before(person, word)):
        return False
    over = journal.over_by(word)
    return over is not None and is_later(given.given_at, over)


def _tells_of(record: Record, given: Consent) -> bool:
    """Whether this is the consent's record: it names the same policy, and the same clock made it soon after."""
    told, data = datetime.fromisoformat(record.time.utc), record.data
    if data["state"] != "given" or data["policy_sha256"] != given.policy_sha256:
        return False
    return timedelta(0) <= told - datetime.fromisoformat(given.given_at) <= _WITHIN


def _ending(journal: Journal, seq: int, *, withdrawal: bool) -> Record | None:
    """The record of an erasure or a withdrawal; None when it is a consent that was given, or is not here."""
    payload = journal.payload_at(seq)
    if payload is None or (withdrawal and _WITHDRAWN not in payload):
        return None
    record = decode(payload)
    return None if withdrawal and record.data["state"] != "withdrawn" else record
