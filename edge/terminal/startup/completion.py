"""The work that a start completes: the outbox, then files that came back from an older copy, and the outbox
again.
"""

import logging
from functools import partial

from edge.errors import EvidenceError, JournalError, PeopleError, RecordError, TransferError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.outbox.flush import flush
from edge.terminal.startup import restored_credentials, restored_files, restored_people

_log = logging.getLogger(__name__)


def complete(people: People, journal: Journal, clock: Clock) -> None:
    """Run one step after another. A failed step does not stop the others; the next start tries it again."""
    for step in (
        people.purge,  # an interrupted withdrawal leaves older pages in the write-ahead file
        partial(flush, people, journal, clock, interrupted=True),
        partial(restored_people.carry_out, people, journal, clock),
        partial(restored_credentials.take_anew, people, journal),
        partial(restored_files.drop_answers, people, journal),
        partial(restored_files.drop_images, people, journal, clock),
        partial(restored_files.drop_heard, people, journal),
        partial(flush, people, journal, clock, interrupted=True),  # of erasures that were begun again just now
    ):
        try:
            step()
        except (PeopleError, JournalError, RecordError, TransferError, EvidenceError) as error:
            _log.error("a step of the start failed, and is tried again at the next start: %s", error)
