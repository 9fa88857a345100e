"""A people file that was put back alone, from an older copy: what the journal says of people since is done anew.

The copy knows somebody who was erased, who withdrew or who objected after it was made, and would match them again.
The journal's last word about each of them counts, unless they consented later: at another terminal, say, whose word
came by the roster and stands in no record here. A journal that was put back with it, or set aside, tells nothing.
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
"""In every record of a withdrawal: what lacks it need not be decoded, which is nearly all."""
_WITHIN = timedelta(hours=1)
"""After a consent was given its record is made: the photographs are taken in between."""

_log = logging.getLogger(__name__)


def carry_out(people: People, journal: Journal, clock: Clock) -> int:
    """Erase, withdraw and bar anew whom the journal calls so and who is here as if nothing had been; how many.

    An erasure is begun: `edge.terminal.outbox.flush` completes it, without a second record. The cost of a
    start grows with the people of this terminal, not with the journal. Raises PeopleError, JournalError; what keeps
    one person from it keeps no other.
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
            )  # who withdrew may consent again, and be barred
        except (PeopleError, RecordError, EvidenceError, ValueError) as error:
            _log.error("%s: what the journal says of them cannot be done anew: %s", person, error)
    if done:
        _log.error(
            "the people file knew %s as they were before they were erased, withdrew or were barred here, which was "
            "done anew: somebody put an older copy of it back, whose badges, PINs and names are those of then",
            counted(done, "person", "people"),
        )
    return done


def _ended_anew(person: str, last: dict[str, int], people: People, journal: Journal, clock: Clock) -> bool:
    """Erase or withdraw somebody, where that is the last that was said of their enrolment."""
    erased, said = last.get(Kind.ERASED, 0), last.get(Kind.CONSENT, 0)
    word = max(erased, said, last.get(Kind.ENROLLED, 0))
    record = _ending(journal, word, withdrawal=word == said) if word in {erased, said} else None
    if record is None:
        return False
    given = people.consent(person)
    if given is not None and _is_since(person, given, word, journal):
        return False  # they agreed since, elsewhere
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

    One whose own record stands before it was not, whatever the clock said. Of one that has no record here, that was
    given at another terminal, the times tell. The time of `word` itself tells nothing where no time server had set
    the clock: it may say 1970. It was over when the next was made whose clock was set; until there is one, nothing
    is surely later.
    """
    if any(_tells_of(record, given) for record in journal.consents_before(person, word)):
        return False
    over = journal.over_by(word)
    return over is not None and is_later(given.given_at, over)


def _tells_of(record: Record, given: Consent) -> bool:
    """Whether this is the record of a consent: the same policy, and by the same clock made soon after it."""
    told, data = datetime.fromisoformat(record.time.utc), record.data
    if data["state"] != "given" or data["policy_sha256"] != given.policy_sha256:
        return False
    return timedelta(0) <= told - datetime.fromisoformat(given.given_at) <= _WITHIN


def _ending(journal: Journal, seq: int, *, withdrawal: bool) -> Record | None:
    """The record of an erasure, or of a withdrawal; None for a consent that was given."""
    payload = journal.payload_at(seq)
    if payload is None or (withdrawal and _WITHDRAWN not in payload):
        return None
    record = decode(payload)
    return None if withdrawal and record.data["state"] != "withdrawn" else record


def _barred_anew(person: str, last: dict[str, int], people: People, journal: Journal) -> bool:
    """Bar somebody who is not barred here, or only for a while: nothing is lifted, that takes a word of its own."""
    word = last.get(Kind.RESTRICTED, 0)
    payload = journal.payload_at(word) if word > last.get(Kind.ERASED, 0) else None
    state = Bar.LIFTED if payload is None else Bar(decode(payload).data["state"])
    if state is Bar.LIFTED or people.restriction(person) in {Restriction(state), Restriction.OBJECTED}:
        return False
    people.restrict(person, Restriction(state))
    return True
