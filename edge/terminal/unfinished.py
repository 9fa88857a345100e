"""What a start brings to its end: owed records, the journal's last words, what was put back, begun erasures."""

import logging
from functools import partial

from edge.errors import EvidenceError, JournalError, PeopleError, RecordError, TransferError
from edge.journal.ring import Ring
from edge.ports import Clock
from edge.roster.people import People
from edge.terminal import last_words, means_of_then, put_back
from edge.terminal.enrolment import finish_erasures
from edge.terminal.orders import settle

_log = logging.getLogger(__name__)


def finish(people: People, ring: Ring, clock: Clock) -> None:
    """One after another, each by itself: what keeps one of them from its end keeps no other. It is tried again."""
    for step in (
        partial(settle, people, ring, clock, interrupted=True),
        partial(last_words.carry_out, people, ring, clock),
        partial(means_of_then.take_anew, people, ring),
        partial(put_back.drop_answers, people, ring),
        partial(put_back.drop_images, people, ring, clock),
        partial(finish_erasures, people=people, ring=ring, clock=clock),
    ):
        try:
            step()
        except (PeopleError, JournalError, RecordError, TransferError, EvidenceError) as error:
            _log.error("something is still to be finished, at the next start: %s", error)
