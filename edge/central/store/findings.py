"""The kinds of problems at the centre. Each problem says what is wrong and what to do."""

from dataclasses import dataclass
from enum import StrEnum

from edge.domain.protocol.record import Origin


class ProblemKind(StrEnum):
    """The kind of a problem."""

    LEDGER = "ledger"
    """The ledger was not running, or had no connection to the broker."""
    UNREGISTERED = "unregistered"
    """Somebody publishes under a name or with a key that is not registered. Nothing of it is stored."""
    QUOTA = "quota"
    """The terminal sent more in a day than may be stored. The rest is put off."""
    MISSING = "missing"
    """Records are missing before records that came: they were lost on the way, or another history has their
    place.
    """
    UNDELIVERED = "undelivered"
    """The terminal claims records that never came."""
    SET_ASIDE = "set-aside"
    """A terminal set a journal aside. Records of it that are not here may be lost."""
    NEW_EPOCH = "new-epoch"
    """A second journal of one identity does not say which journal it follows."""
    ROLLED_BACK = "rolled-back"
    """The terminal claims fewer records than it has delivered."""
    FORK = "fork"
    """Records of one chain contradict each other."""
    SILENT = "silent"
    """Nothing was heard of the terminal for a long time."""
    OFFLINE = "offline"
    """The terminal lost its connection to the broker, or stopped in good order."""
    CERTIFICATE = "certificate"
    """A TLS certificate ends soon, or has ended."""
    BACKUP = "backup"
    """The newest backup is old."""
    CLOCK = "clock"
    """The terminal's clock is ahead of the ledger's."""
    ALARM = "alarm"
    """The terminal claims an alarm."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem that somebody has to do something about."""

    origin: Origin | None
    """The terminal; None for a problem of the centre itself."""
    kind: ProblemKind
    text: str
    """What is wrong, and what to do."""
    epoch: str | None = None
    first: int | None = None
    last: int | None = None
    """The range of missing records is `first` to `last`, both included."""
    since: str | None = None
    """RFC 3339 UTC by the ledger's clock."""

    @property
    def askable(self) -> bool:
        """Whether the terminal can be asked to send the records again."""
        return self.kind in {ProblemKind.MISSING, ProblemKind.UNDELIVERED}


def records(first: int, last: int) -> str:
    """The range in words; both ends are included."""
    return f"record {first}" if first == last else f"records {first} to {last}"
