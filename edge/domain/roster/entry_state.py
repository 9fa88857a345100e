"""A terminal's note about one person's roster entry, and the reason why a person leaves."""

from dataclasses import dataclass

from edge.domain.vocabulary import ErasureReason

HELD, OUT, GONE = "held", "out", "gone"
"""The states of a note. HELD: the person is in the people file. OUT: kept out of it, for a reason. GONE: erased."""
TO_COME = "their entry did not come again yet"


@dataclass(frozen=True, slots=True)
class EntryState:
    """The newest message about one person that was acted upon."""

    person: str
    version: int
    sha256: str
    """sha256 of the message's payload, hex."""
    content: int
    """Content number of the member in the message; 0 for a tombstone."""
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """A person whose biometrics must be destroyed, and the note to write when that is done."""

    reason: ErasureReason
    row: EntryState


def leaving_for(row: EntryState) -> Leaving:
    """The leaving that a note with GONE stands for; an older note without a reason counts as the employer's."""
    return Leaving(ErasureReason(row.reason or ErasureReason.EMPLOYER), row)


def unlisted_row(person: str, version: int, sha256: str) -> EntryState:
    """The note about a person whom the manifest does not list: the tombstone with the reason was withheld or
    emptied.
    """
    return EntryState(person, version, sha256, 0, GONE, str(ErasureReason.EMPLOYER))
