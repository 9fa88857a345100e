"""Which way a punch goes, and when it is only a repetition of the last one."""

from dataclasses import dataclass
from datetime import datetime

from edge.domain.records import Record
from edge.domain.types import Direction, DirectionSource, TimeEvidence


@dataclass(frozen=True, slots=True)
class DirectionPolicy:
    """How this terminal finds the direction."""

    fixed: Direction | None = None
    """Set for an entrance-only or exit-only terminal; None alternates."""
    window_s: float = 60.0
    """A second punch of one person within it is a repetition: kept as evidence, not counted twice."""
    shift_limit_s: float = 16 * 3600.0
    """An IN older than this is not answered by OUT: the OUT was forgotten, and a correction will say so."""


@dataclass(frozen=True, slots=True)
class NewPunch:
    """Record it."""

    direction: Direction
    source: DirectionSource


@dataclass(frozen=True, slots=True)
class Repetition:
    """Record it as suppressed."""

    direction: Direction
    """Of the punch that it repeats."""
    source: DirectionSource
    duplicate_of: int
    """The seq of that punch."""


def decide(last: Record | None, now: TimeEvidence, policy: DirectionPolicy) -> NewPunch | Repetition:
    """What this person's punch means, given their last one at this terminal (`last`, kind punch)."""
    source = DirectionSource.ALTERNATED if policy.fixed is None else DirectionSource.CONFIGURED
    before = None if last is None else Direction(last.data["direction"])
    age = None if last is None else elapsed_s(last.time, now)
    same_way = policy.fixed in {None, before}
    if last is not None and before is not None and age is not None and same_way and 0 <= age < policy.window_s:
        return Repetition(before, source, last.position.seq)
    if policy.fixed is not None:
        return NewPunch(policy.fixed, source)
    answered = before is Direction.IN and age is not None and age < policy.shift_limit_s
    return NewPunch(Direction.OUT if answered else Direction.IN, source)


def elapsed_s(earlier: TimeEvidence, later: TimeEvidence) -> float:
    """Seconds between two moments: by boot time within one boot, which no clock setting moves; else by UTC.

    Across a reboot with a clock that was set back the result is negative; the caller treats that as unknown.
    """
    if earlier.boot_id == later.boot_id:
        return (later.boottime_ms - earlier.boottime_ms) / 1000
    return (datetime.fromisoformat(later.utc) - datetime.fromisoformat(earlier.utc)).total_seconds()
