"""Repair after an older people file was put back alone: erasures, withdrawals and bars that the journal has since
are repeated.

The older file knows somebody who was erased, who withdrew or who objected after it was made, and would match them
again. The newest record about each of them counts, unless they consented later. That consent may have been given at
another terminal and have come by the roster, so that no record here tells of it. A journal that was put back with
the file, or set aside, cannot say anything.
"""

import logging
from datetime import datetime, timedelta

from edge.domain.people.consent import Consent
from edge.domain.plural import counted
from edge.domain.protocol.record import Record, decode
from edge.domain.protocol.record_kinds import Bar, Kind, Restriction
from edge.domain.time.instant import is_later
from edge.domain.vocabulary import ErasureReason
from edge.errors import EvidenceError, PeopleError, RecordError
from edge.evidence_images.schema import NAME as IMAGES
from edge.evidence_images.store import forget_images
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.ports import Clock

_WITHDRAWN = b'"withdrawn"'
"""Bytes that are in every record of a withdrawal. Nearly all records lack them, and need not be decoded."""
_WITHIN = timedelta(hours=1)
"""Greatest time between a consent and its record: the photographs are taken in between."""

_log = logging.getLogger(__name__)


def carry_out(people: People, journal: Journal, clock: Clock) -> int:
    """Repeat the erasures, withdrawals and bars that the journal has and the people file does not have; returns of
    how many people.

    An erasure is only begun here: `edge.terminal.outbox.flush` completes it, without a second record. The cost of a
    start grows with the people of this terminal, not with the journal. What fails for one person does not stop the
    others. Raises PeopleError, JournalError.
    """
    here = people.remaining() - {person for person, _ in people.erasures()}
    words: dict[str, dict[str, int]] = {}
    for person, kind, seq in journal.words():
        if person in here:
            words.setdefault(person, {})[kind] = seq
    done = 0
    for person, last in words.items():
        try:
            ended = _ended_anew(person, last, people, journal, clock)
            done += (
                _barred_anew(person, last, people, journal) or ended
            )  # a person who withdrew may consent again, and be barred
        except (PeopleError, RecordError, EvidenceError, ValueError) as error:
            _log.error("%s: what the journal says of them cannot be repeated: %s", person, error)
    if done:
        _log.error(
            "somebody put an older copy of the people file back: it knew %s as they were before they were erased, "
            "withdrew or were barred here. This was repeated; its badges, PINs and names are still the older ones",
            counted(done, "person", "people"),
        )
    return done


def _ended_anew(person: str, last: dict[str, int], people: People, journal: Journal, clock: Clock) -> bool:
    """Erase a person or withdraw their consent if that is the newest event of their enrolment; returns whether it
    was done.
    """
    erased, said = last.get(Kind.ERASED, 0), last.get(Kind.CONSENT, 0)
    word = max(erased, said, last.get(Kind.ENROLLED, 0))
    record = _ending(journal, word, withdrawal=word == said) if word in {erased, said} else None
    if record is None:
        return False
    given = people.consent(person)
    if given is not None and _is_since(person, given, word, journal):
        return False  # they agreed since, at another terminal
    utc = clock.evidence().utc
    if word == erased:
        people.erase(person, utc, ErasureReason(record.data["reason"]))
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


def _barred_anew(person: str, last: dict[str, int], people: People, journal: Journal) -> bool:
    """Bar a person who is not barred here, or is barred less strictly. No bar is lifted, because that needs a
    record of its own.
    """
    word = last.get(Kind.RESTRICTED, 0)
    payload = journal.payload_at(word) if word > last.get(Kind.ERASED, 0) else None
    state = Bar.LIFTED if payload is None else Bar(decode(payload).data["state"])
    if state is Bar.LIFTED or people.restriction(person) in {Restriction(state), Restriction.OBJECTED}:
        return False
    people.restrict(person, Restriction(state))
    return True
