"""Punch direction: IN or OUT, and whether a punch only repeats the last one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.domain.attendance.corrections import effective
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from edge.domain.vocabulary import Direction, DirectionSource

MAX_AGE_S = timedelta(days=31).total_seconds()
"""Seconds; an unsynchronised clock that makes the last punch older than this is taken to be wrong."""


@dataclass(frozen=True, slots=True)
class DirectionPolicy:
    """How this terminal finds the direction."""

    fixed: Direction | None = None
    """The direction of a terminal at an entrance or exit; None alternates."""
    window_s: float = 60.0
    """Seconds within which a second punch of one person is a repetition: kept as evidence, not counted twice."""
    shift_limit_s: float = 16 * 3600.0
    """Hours after which an IN is not answered by OUT: the OUT was forgotten, and a correction will say so."""


@dataclass(frozen=True, slots=True)
class LastPunch:
    """A person's last punch at this terminal that counts, after its corrections."""

    direction: Direction
    made: TimeEvidence | str
    """The terminal's evidence of the time when the punch was made; or the moment (RFC 3339 UTC) that people
    agreed on.
    """
    seq: int | None
    """seq of the record, if the punch was made here and its moment stands."""


@dataclass(frozen=True, slots=True)
class NewPunch:
    """The punch is to be recorded."""

    direction: Direction
    source: DirectionSource
    assumed: bool = False
    """Whether the direction would be the other one if the last punch had another age, which nothing vouches for."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """The punch is to be recorded as suppressed."""

    direction: Direction
    """Direction of the punch that it repeats."""
    source: DirectionSource
    duplicate_of: int
    """seq of that punch."""


def last_of(records: Iterable[Record]) -> LastPunch | None:
    """One person's last punch among the records that one journal keeps of them: their punches and the corrections
    of these.
    """
    records = list(records)
    counting = [view for view in effective(records, records) if view.direction is not None and view.at is not None]
    made = [view for view in counting if view.says_at.kind == Kind.PUNCH]
    agreed = [view for view in counting if view.says_at.kind == Kind.CORRECTION]
    last = max(made, key=lambda view: view.root.position.seq, default=None)
    word = max(agreed, key=lambda view: (view.at or "", view.says_at.position.seq), default=None)
    if last is not None and word is not None:
        # Nobody can agree on a moment in the future, so a punch that was made after the correction is the later
        # one.
        since = last.root.position.seq > word.says_at.position.seq
        last, word = (last, None) if since or (last.at or "") >= (word.at or "") else (None, word)
    if last is not None and last.direction is not None:
        return LastPunch(last.direction, last.root.time, last.root.position.seq)
    if word is not None and word.direction is not None and word.at is not None:
        return LastPunch(word.direction, word.at, None)
    return None


def direction_of(last: LastPunch | None, now: TimeEvidence, policy: DirectionPolicy) -> NewPunch | Repetition:
    """The direction of this person's punch, given their last one at this terminal; or that it is a repetition.

    Where nothing vouches for the age of an IN, the clocks count as far as they can be right: OUT answers it unless
    they say that it is between the shift limit and MAX_AGE_S old. The record says that this was assumed.
    """
    source = DirectionSource.ALTERNATED if policy.fixed is None else DirectionSource.CONFIGURED
    before = None if last is None else last.direction
    age = None if last is None else age_s(last.made, now)
    same_way = policy.fixed in {None, before}
    if last is not None and last.seq is not None and same_way and age is not None and age < policy.window_s:
        return Repetition(last.direction, source, last.seq)
    if policy.fixed is not None:
        return NewPunch(policy.fixed, source)
    if last is None or before is not Direction.IN:
        return NewPunch(Direction.IN, source)
    if age is not None:
        return NewPunch(Direction.OUT if age < policy.shift_limit_s else Direction.IN, source)
    forgotten = policy.shift_limit_s <= _by_clock_s(last.made, now) <= MAX_AGE_S
    return NewPunch(Direction.IN if forgotten else Direction.OUT, source, assumed=True)


def age_s(earlier: TimeEvidence | str, now: TimeEvidence) -> float | None:
    """Seconds since a moment: by boottime within one boot, which no clock setting moves; else by UTC.

    None where nothing vouches for it: the clock did not follow a time server at both ends, or ran back between
    them.
    """
    if isinstance(earlier, TimeEvidence) and earlier.boot_id == now.boot_id:
        return (now.boottime_ms - earlier.boottime_ms) / 1000
    known = now.synchronised and (isinstance(earlier, str) or earlier.synchronised)
    age = _by_clock_s(earlier, now)
    return age if known and age >= 0 else None


def _by_clock_s(earlier: TimeEvidence | str, now: TimeEvidence) -> float:
    utc = earlier if isinstance(earlier, str) else earlier.utc
    return (datetime.fromisoformat(now.utc) - datetime.fromisoformat(utc)).total_seconds()
