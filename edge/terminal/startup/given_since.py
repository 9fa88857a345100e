"""What people were given after a copy of the people file was made, found in the journal's records."""

from collections.abc import Iterable

from edge.domain.people.credentials import Token
from edge.domain.protocol.order import Word
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import Kind
from edge.journal.journal import Journal
from edge.people.lacking import Lack
from edge.people.people_store import People
from edge.terminal.operator.actions import ADD, PIN, TAKEN

GIVING = {
    ADD: Lack.PERSON,
    Token.BADGE: Lack.BADGE,
    Token.NUMBER: Lack.NUMBER,
    PIN: Lack.PIN,
    Word.RECTIFY: Lack.NAME,
}
"""What a people file lacks when it does not know of an act, by the word of the act."""
_FACE = {Lack.FACE, Lack.CONSENT}
_WITHDRAWN = b'"withdrawn"'
"""Bytes that are in every record of a withdrawal."""


def lacking(unknown: Iterable[Record], people: People, journal: Journal) -> dict[str, set[Lack]]:
    """What the file lacks, by person: what was given to them, and not taken, withdrawn or erased since.

    `unknown` are the records of acts about people that the file does not know. Raises PeopleError, JournalError.
    """
    last = {(person, kind): seq for person, kind, seq in journal.words()}
    known = people.known()
    erased = known - people.remaining()
    found: dict[str, set[Lack]] = {}
    for record in sorted(unknown, key=lambda one: one.position.seq):
        person, seq = record.data["person"], record.position.seq
        if person in erased or seq < last.get((person, Kind.ERASED), 0):
            continue
        if person not in known and _is_order(record):
            continue  # the roster, or the operator who adds them again, brings the name
        lacks = found.setdefault(person, set())
        if record.kind == Kind.COMMAND_RESULT:
            if record.data["command"] not in GIVING:
                continue  # who may open enrolments is nothing that a person lacks
            taken = str(record.data["detail"]).startswith(TAKEN)
            (lacks.discard if taken else lacks.add)(GIVING[record.data["command"]])
        elif not _withdrew(last.get((person, Kind.CONSENT), 0), seq, journal):
            lacks |= _FACE if record.kind == Kind.ENROLLED else {Lack.CONSENT}
    for person, lacks in found.items():
        if lacks and person not in known:
            lacks.add(Lack.PERSON)
    return {person: lacks for person, lacks in found.items() if lacks}


def _is_order(record: Record) -> bool:
    return record.kind == Kind.COMMAND_RESULT and record.data["command"] == Word.RECTIFY and "by" not in record.data


def _withdrew(word: int, seq: int, journal: Journal) -> bool:
    """Whether the newest consent record of a person, with the number `word`, is a withdrawal, and not
    older than the record `seq`.
    """
    return word >= seq and _WITHDRAWN in (journal.payload_at(word) or b"")
