"""Files that an operator hands out, on record: everything held about a person, or their export for the centre."""

from pathlib import Path

from nacl.signing import SigningKey, VerifyKey

from edge.crypto.dsse import key_id
from edge.domain.protocol.order import Word
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_draft import RecordDraft
from edge.errors import TransferError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.roster.export import export_enrolment
from edge.ports import Clock
from edge.storage.durable_file import NewFile
from edge.terminal.operator.audited_action import audited_outside, result_record
from edge.terminal.orders import image_orders
from edge.terminal.subject_access import report


def access(
    person: str, target: Path, origin: Origin, *, people: People, journal: Journal, clock: Clock, by: str
) -> list[Path]:
    """Write everything that is held about a person into a new folder, on record; returns its files' paths.

    Raises PeopleError, JournalError, TransferError.
    """
    now, state = clock.evidence(), people.path.parent
    found = report.collect(person, now.utc, origin, people, journal, image_orders.listed(state, person, now))
    images = image_orders.packed(state, person, now)
    record = result_record(Word.ACCESS, f"handed out about {person}, by hand", person)

    def write() -> tuple[list[Path], RecordDraft]:
        return report.write_plain(found, target, images), record

    return audited_outside(record, write, people, journal, clock, by, all_or_nothing=True)


def export(
    person: str, path: Path, centre: VerifyKey, origin: Origin, identity: SigningKey,
    *, people: People, journal: Journal, clock: Clock, by: str,
) -> int:  # fmt: skip
    """Write a person into a new file for the centre (`edge.people.roster.export`), on record; returns its bytes.

    Raises PeopleError, RecordError, JournalError, TransferError.
    """
    now = clock.evidence()
    wire = export_enrolment(person, centre, origin, identity, people, now.utc) + b"\n"
    record = result_record("export", f"sealed to the key {key_id(centre)}, by hand", person)

    def write() -> tuple[int, RecordDraft]:
        noting = people.exported.noting(person, now.utc if now.synchronised else None)
        with noting, NewFile(path, TransferError) as file:
            file.write(wire)
        return len(wire), record

    return audited_outside(record, write, people, journal, clock, by, all_or_nothing=True)
