"""What a terminal notes of the roster's entry of one person, and why somebody leaves."""

from dataclasses import dataclass

from edge.domain.vocabulary import ErasureReason

HELD, OUT, GONE = "held", "out", "gone"
"""In the people file; kept out of it, for a reason; erased."""
TO_COME = "their entry did not come again yet"


@dataclass(frozen=True, slots=True)
class EntryState:
    """The newest message about one person that was acted upon."""

    person: str
    version: int
    sha256: str
    """Hex, of its payload."""
    content: int
    """Of the member in it; 0 for a tombstone."""
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """Somebody whose biometrics must be destroyed, and what is noted of them when that is done."""

    reason: ErasureReason
    row: EntryState


def leaving_for(row: EntryState) -> Leaving:
    """By a note that says GONE; an older note without a reason counts as the employer's."""
    return Leaving(ErasureReason(row.reason or ErasureReason.EMPLOYER), row)


def unlisted_row(person: str, version: int, sha256: str) -> EntryState:
    """Of somebody whom the manifest does not list: the tombstone with the reason was withheld or emptied."""
    return EntryState(person, version, sha256, 0, GONE, str(ErasureReason.EMPLOYER))
