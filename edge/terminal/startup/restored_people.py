"""Repair after an older people file was put back alone: erasures, withdrawals and bars that the journal has since
are repeated.

The older file knows somebody who was erased, who withdrew or who objected after it was made, and would match them
again. The newest record about each of them counts, unless they consented later. That consent may have been given at
another terminal and have come by the roster, so that no record here tells of it. A journal that was put back with
the file, or set aside, cannot say anything.
"""

import logging

from edge.domain.plural import counted
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Bar, Kind, Restriction
from edge.errors import EvidenceError, PeopleError, RecordError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.outbox.repeated_endings import end_again

_log = logging.getLogger(__name__)


def carry_out(people: People, journal: Journal, clock: Clock) -> int:
    """Repeat the erasures, withdrawals and bars that the journal has and the people file does not have; returns of
    how many people.

    An act whose id the file knows was made in this file: `end_again` judges it with `unsure`. An order's id belongs
    to the record of its result, which follows the record of the act.

    An erasure is only begun here: `edge.terminal.outbox.flush` completes it, without a second record. The cost of a
    start grows with the people of this terminal, not with the journal. What fails for one person does not stop the
    others. Raises PeopleError, JournalError.
    """
    here = people.remaining() - {person for person, _ in people.erasures()}
    words: dict[str, dict[str, int]] = {}
    for person, kind, seq in journal.words():
        if person in here:
            words.setdefault(person, {})[kind] = seq
    acts = {seq: act for act, seq in journal.taken()}
    done = 0
    for person, last in words.items():
        word = max(last.get(Kind.ERASED, 0), last.get(Kind.CONSENT, 0))
        took = any(people.orders.known(acts[seq]) for seq in (word, word + 1) if seq in acts)
        try:
            ended = end_again(person, last, people, journal, clock, unsure=took)
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
