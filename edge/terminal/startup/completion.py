"""What a start completes: the outbox, what was put back from an older copy, and then the outbox again."""

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
    """One step after another; one that fails keeps no other, and is tried again at the next start."""
    for step in (
        people.purge,  # of a withdrawal that was interrupted, older pages are still in the write-ahead file
        partial(flush, people, journal, clock, interrupted=True),
        partial(restored_people.carry_out, people, journal, clock),
        partial(restored_credentials.take_anew, people, journal),
        partial(restored_files.drop_answers, people, journal),
        partial(restored_files.drop_images, people, journal, clock),
        partial(flush, people, journal, clock, interrupted=True),  # of erasures that were begun anew
    ):
        try:
            step()
        except (PeopleError, JournalError, RecordError, TransferError, EvidenceError) as error:
            _log.error("something is still to be finished, at the next start: %s", error)
