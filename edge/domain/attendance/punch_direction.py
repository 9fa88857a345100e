"""Punch direction: IN or OUT, whether it begins or ends a break, and whether a punch only repeats the last one.

A pressed button counts first, then the direction of the terminal, then the opposite of the person's last punch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.domain.attendance.corrections import effective
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from edge.domain.vocabulary import Activity, Button, Direction, DirectionSource

MAX_AGE_S = timedelta(days=31).total_seconds()
"""Seconds; an unsynchronised clock that makes the last punch older than this is taken to be wrong."""
SKEW_S = 2.0
"""Seconds by which the clocks of two terminals may differ although both follow a time server."""


@dataclass(frozen=True, slots=True)
class DirectionPolicy:
    """How this terminal finds the direction."""

    fixed: Direction | None = None
    """The direction of a terminal at an entrance or exit; None alternates."""
    window_s: float = 60.0
    """Seconds within which a second punch of one person is a repetition: kept as evidence, not counted twice."""
    shift_limit_s: float = 16 * 3600.0
    """Hours after which an IN is not answered by OUT: the OUT was forgotten, and a correction will say so."""
    ask: bool = False
    """Whether nothing may be guessed: a punch then needs a button."""


@dataclass(frozen=True, slots=True)
class LastPunch:
    """A person's last punch that counts, after its corrections."""

    direction: Direction
    made: TimeEvidence | str
    """The terminal's evidence of the time when the punch was made; or the moment (RFC 3339 UTC) that people
    agreed on.
    """
    seq: int | None
    """seq of the record, if its moment stands as it was recorded."""
    id: str | None = None
    """Id of the record, with its site."""
    activity: Activity | None = None
    elsewhere: bool = False
    """Whether another terminal made it, with a clock of its own."""
    unsure: bool = False
    """Whether another punch may be the later one, which went the other way: clocks that cannot be compared."""

    @property
    def on_break(self) -> bool:
        """Whether the punch began a break that no punch has ended."""
        return self.direction is Direction.OUT and self.activity is Activity.BREAK


@dataclass(frozen=True, slots=True)
class NewPunch:
    """The punch is to be recorded."""

    direction: Direction
    source: DirectionSource
    assumed: bool = False
    """Whether the direction would be the other one if the last punch had another age."""
    activity: Activity | None = None
    follows: str | None = None
    """Id, with its site, of the last punch on which this rests; None without one."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """The punch is to be recorded as suppressed."""

    direction: Direction
    """Direction of the punch that it repeats."""
    source: DirectionSource
    duplicate_of: int
    """seq of that punch."""
    activity: Activity | None = None
    follows: str | None = None
    """Id of that punch, with its site."""


@dataclass(frozen=True, slots=True)
class Unpressed:
    """No punch: where nothing may be guessed, the person must press a button."""


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
    found = last or word
    if found is None or found.direction is None:
        return None
    named, activity = f"{found.root.origin.site}/{found.root.id}", found.activity
    if found is last:
        return LastPunch(found.direction, found.root.time, found.root.position.seq, named, activity)
    return None if found.at is None else LastPunch(found.direction, found.at, None, named, activity)


def direction_of(
    last: LastPunch | None, now: TimeEvidence, policy: DirectionPolicy, pressed: Button | None = None
) -> NewPunch | Repetition | Unpressed:
    """The direction of this person's punch, given their last one and the button that they pressed; that it is a
    repetition; or that a button must be pressed.

    A press is obeyed also where it contradicts the last punch: the hours view shows two INs or OUTs in a row. A
    punch within the window is no repetition if a button says something else than the last punch was.

    Without a button, an IN is answered by OUT within the shift limit. After it, the OUT was forgotten and the punch
    is IN; the record says that this was assumed. Where nothing vouches for the age of an IN, the clocks count as
    far as they can be right: OUT answers it unless they say that it is between the shift limit and MAX_AGE_S old.
    This is assumed, too. So is a direction that rests on a last punch of which nobody can tell
    whether it was the last one.
    """
    age = None if last is None else age_s(last.made, now, SKEW_S if last.elsewhere else 0.0)
    if last is not None and last.seq is not None and age is not None and age < policy.window_s:
        source = _source(policy, pressed)
        if _says_the_same(last, pressed, policy):
            return Repetition(last.direction, source, last.seq, last.activity, last.id)
    if pressed is None and policy.fixed is None and policy.ask:
        return Unpressed()
    direction, assumed = _wanted(last, age, now, policy, pressed)
    follows = None if last is None else last.id
    return NewPunch(
        direction, _source(policy, pressed), assumed, _activity(last, age, direction, policy, pressed), follows
    )


def _source(policy: DirectionPolicy, pressed: Button | None) -> DirectionSource:
    if pressed is not None:
        return DirectionSource.PRESSED
    return DirectionSource.ALTERNATED if policy.fixed is None else DirectionSource.CONFIGURED


def _says_the_same(last: LastPunch, pressed: Button | None, policy: DirectionPolicy) -> bool:
    """Whether a press, or the terminal's own direction, says what the last punch was; without both, nothing speaks
    against it.
    """
    match pressed:
        case Button.BREAK:
            return last.activity is Activity.BREAK
        case Button.OUT:
            return last.direction is Direction.OUT and not last.on_break
        case Button.IN:
            return last.direction is Direction.IN
        case None:
            return policy.fixed in {None, last.direction}


def _wanted(
    last: LastPunch | None, age: float | None, now: TimeEvidence, policy: DirectionPolicy, pressed: Button | None
) -> tuple[Direction, bool]:
    """The direction, and whether it is assumed."""
    if pressed is Button.BREAK:
        return (Direction.IN if last is not None and last.on_break else Direction.OUT), False
    if pressed is not None:
        return Direction(pressed), False
    if policy.fixed is not None:
        return policy.fixed, False
    if last is None or last.direction is Direction.OUT:
        return Direction.IN, last is not None and last.unsure
    if age is not None:
        forgotten = age >= policy.shift_limit_s
        return (Direction.IN, True) if forgotten else (Direction.OUT, last.unsure)
    forgotten = policy.shift_limit_s <= _by_clock_s(last.made, now) <= MAX_AGE_S
    return (Direction.IN if forgotten else Direction.OUT), True


def _activity(
    last: LastPunch | None, age: float | None, direction: Direction, policy: DirectionPolicy, pressed: Button | None
) -> Activity | None:
    """A break begins by its button, and ends with the next IN within the shift limit."""
    if direction is Direction.OUT:
        return Activity.BREAK if pressed is Button.BREAK else None
    ends = last is not None and last.on_break and (age is None or age < policy.shift_limit_s)
    return Activity.BREAK if ends else None


def age_s(earlier: TimeEvidence | str, now: TimeEvidence, skew_s: float = 0.0) -> float | None:
    """Seconds since a moment: by boottime within one boot, which no clock setting moves; else by UTC.

    None where nothing vouches for it: the clock did not follow a time server at both ends, or ran back between
    them. A moment that is ahead by `skew_s` at most is now: it is by the clock of another terminal.
    """
    if isinstance(earlier, TimeEvidence) and earlier.boot_id == now.boot_id:
        known, age = True, (now.boottime_ms - earlier.boottime_ms) / 1000
    else:
        known = now.synchronised and (isinstance(earlier, str) or earlier.synchronised)
        age = _by_clock_s(earlier, now)
    return max(age, 0.0) if known and age >= -skew_s else None


def _by_clock_s(earlier: TimeEvidence | str, now: TimeEvidence) -> float:
    utc = earlier if isinstance(earlier, str) else earlier.utc
    return (datetime.fromisoformat(now.utc) - datetime.fromisoformat(utc)).total_seconds()
