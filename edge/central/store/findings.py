"""What there may be to do at the centre, in kinds: each finding says what is the matter and the cure."""

from dataclasses import dataclass
from enum import StrEnum

from edge.domain.protocol.record import Origin


class ProblemKind(StrEnum):
    """What is the matter."""

    LEDGER = "ledger"
    """The ledger did not run, or had no broker."""
    UNREGISTERED = "unregistered"
    """Somebody publishes under a name or with a key that is not registered: nothing of it is stored."""
    QUOTA = "quota"
    """The terminal sent more in a day than is stored: the rest is put off."""
    MISSING = "missing"
    """Records before some that came: they were sent and lost, or another history has their place."""
    UNDELIVERED = "undelivered"
    """The terminal claims records that never came."""
    SET_ASIDE = "set-aside"
    """A journal was set aside: what it held beyond what is here may be lost."""
    NEW_EPOCH = "new-epoch"
    """A second journal of an identity that does not say what it follows."""
    ROLLED_BACK = "rolled-back"
    """The terminal claims fewer records than it had delivered."""
    FORK = "fork"
    """Records of one chain contradict each other."""
    SILENT = "silent"
    """Nothing was heard for long."""
    OFFLINE = "offline"
    """The broker lost it, or it said good-bye."""
    CERTIFICATE = "certificate"
    """One of TLS ends within 30 days, or has ended."""
    CLOCK = "clock"
    """The terminal's clock is ahead of the ledger's."""
    ALARM = "alarm"
    """The terminal claims an alarm."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to be done."""

    origin: Origin | None
    """None for what is the ledger's own."""
    kind: ProblemKind
    text: str
    """What, and the cure."""
    epoch: str | None = None
    first: int | None = None
    last: int | None = None
    """The records that lack, both ends included."""
    since: str | None = None
    """RFC 3339 UTC by the ledger's clock."""

    @property
    def askable(self) -> bool:
        """Whether the terminal can be asked to send it again."""
        return self.kind in {ProblemKind.MISSING, ProblemKind.UNDELIVERED}


def records(first: int, last: int) -> str:
    """A range in words, both ends included."""
    return f"record {first}" if first == last else f"records {first} to {last}"
