"""Doubts: reasons not to take a punch of the hours view as it stands. They change nothing: a person looks."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from edge.domain.vocabulary import Direction

LONG = timedelta(hours=13)
"""Longest usual time from an IN to its OUT: a day less the eleven hours of rest of Directive 2003/88/EC. A
forgotten OUT that the next IN answers takes longer.
"""
STEP_MS = 1_000
"""A wall clock that moved by more than this against the boottime was set (`edge.domain.time.clock_steps`)."""
SLEW_PPM = 600
"""Parts per million that a clock may drift without being set: 500 by a time server, 100 by its crystal."""
AHEAD = timedelta(minutes=5)
"""A moment so far after the receipt of its record is impossible: one of the clocks is wrong."""


REMEMBERED = timedelta(days=31)
"""A terminal knows the punches of other terminals for so long."""


class Doubt(StrEnum):
    """The words of doubts; docs/protocol.md says what each means."""

    REVOKED = "revoked"
    """The line rests on what a revoked identity signed, and nobody said from when on that is unproven."""
    UNPROVEN = "unproven"
    """The line rests on what a revoked identity signed, received at or after the instant from which it is
    unproven.
    """
    OTHER_SITE = "other-site"
    """A terminal of another site corrected it."""
    FORK = "fork"
    """Its terminal signed another history, too, from here on or from before; nothing of that one is among the
    hours.
    """
    SAME_ID = "same-id"
    """Two identities claim the record's id."""
    CLOCK = "clock"
    """The wall clock was set between this punch and the person's punch before or after it, or ran back."""
    FUTURE = "future"
    """The punch, or a correction of it, lies after the moment at which that record was received."""
    UNKNOWN_PERSON = "unknown-person"
    """Somebody added the punch, and no other record and no roster names this person."""
    ASSUMED = "assumed"
    """The terminal could not tell how long ago the last punch was, and took the other direction."""
    FOLLOWS_OTHER = "follows-other"
    """The terminal alternated, and did not know the person's punch before this one at the site, or knew another."""
    SITE_UNHEARD = "site-unheard"
    """The terminal alternated, and could not hear the other terminals of its site."""
    IN_AFTER_IN = "in-after-in"
    OUT_AFTER_OUT = "out-after-out"
    LONG = "long"
    """The OUT ends a longer stay than usual."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Doubts from what a terminal knew when a punch was made. Not for a moment that people agreed on."""

    chain: Hashable
    seq: int
    boot_id: str
    boottime_ms: int
    uncertainty_ms: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A punch that counts."""

    person: str
    direction: Direction
    at: str
    """RFC 3339 UTC."""
    measured: Measured | None


@dataclass(frozen=True, slots=True)
class Followed:
    """A punch, or one that a correction added, with the punch that its terminal took for the one before."""

    person: str
    site: str
    id: str
    """With the site before it."""
    at: str
    """RFC 3339 UTC, as the terminal recorded it."""
    follows: str | None
    """Id, with its site, of the punch before it as its terminal knew it; None if it knew none."""
    rests_on_it: bool
    """Whether the direction that counts is the one that the terminal found by that punch alone."""
    corrected: bool
    """Whether corrections are about it, so that a terminal may rightly have passed over it."""


Found = Mapping[int, set[Doubt]]
"""Doubts by the index of a punch in the input."""


def in_turn(counted: Sequence[Counted], longest: timedelta = LONG) -> Found:
    """Doubts about one person's punches over all terminals: the same direction twice, and long stays. The later
    punch has the doubt.
    """
    found: defaultdict[int, set[Doubt]] = defaultdict(set)
    by_person: defaultdict[str, list[int]] = defaultdict(list)
    for index in sorted(range(len(counted)), key=lambda index: counted[index].at):
        by_person[counted[index].person].append(index)
    for places in by_person.values():
        for before, index in pairwise(places):
            earlier, later = counted[before], counted[index]
            if earlier.direction is later.direction:
                twice = Doubt.IN_AFTER_IN if later.direction is Direction.IN else Doubt.OUT_AFTER_OUT
                found[index].add(twice)
            elif later.direction is Direction.OUT and _instant(later.at) - _instant(earlier.at) > longest:
                found[index].add(Doubt.LONG)
    return found


def by_clock(counted: Sequence[Counted], steps: Mapping[Hashable, Sequence[int]]) -> Found:
    """Doubts about one person's punches of one chain: the wall clock did not run as time does between two; both
    have the doubt.

    `steps`: for each chain, the sorted `seq` of the records that say that a clock which counted as right was set.
    """
    found: defaultdict[int, set[Doubt]] = defaultdict(set)
    for before, index in _pairs(counted):
        if _moved(counted[before], counted[index], steps):
            found[before].add(Doubt.CLOCK)
            found[index].add(Doubt.CLOCK)
    return found


def by_following(punches: Sequence[Followed]) -> Found:
    """Doubts about one person's punches at one site: a terminal alternated after another punch than the one before.

    A punch that was corrected may be passed over: the terminal may have known the correction. Nobody need know a
    punch that is older than REMEMBERED.
    """
    found: defaultdict[int, set[Doubt]] = defaultdict(set)
    lines: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index in sorted(range(len(punches)), key=lambda index: punches[index].at):
        lines[punches[index].person, punches[index].site].append(index)
    for line in lines.values():
        for place, index in enumerate(line):
            one = punches[index]
            earlier = (punches[line[before]] for before in reversed(range(place)))
            if one.rests_on_it and not _is_followed(one, earlier):
                found[index].add(Doubt.FOLLOWS_OTHER)
    return found


def _is_followed(one: Followed, before: Iterable[Followed]) -> bool:
    """Whether a punch follows the one before it, among the earlier punches, the latest first."""
    for other in before:
        if other.id == one.follows:
            return True
        if _instant(one.at) - _instant(other.at) > REMEMBERED:
            break
        if not other.corrected:
            return False
    return True  # nothing else is known of that time


def ahead(at: str, received: str) -> bool:
    """Whether a moment lies after its record was received (both RFC 3339)."""
    return _instant(at) - _instant(received) > AHEAD


def _pairs(counted: Sequence[Counted]) -> Iterator[tuple[int, int]]:
    """Pairs of one person's punches that follow each other in one chain."""
    lines: defaultdict[tuple[str, Hashable], list[tuple[int, int]]] = defaultdict(list)
    for index, one in enumerate(counted):
        if one.measured is not None:
            lines[one.person, one.measured.chain].append((one.measured.seq, index))
    for line in lines.values():
        yield from pairwise(index for _, index in sorted(line))


def _moved(earlier: Counted, later: Counted, steps: Mapping[Hashable, Sequence[int]]) -> bool:
    one, two = earlier.measured, later.measured
    if one is None or two is None:
        return False
    doubt = one.uncertainty_ms + two.uncertainty_ms + STEP_MS
    wall = (_instant(later.at) - _instant(earlier.at)) // timedelta(milliseconds=1)
    if one.boot_id == two.boot_id:
        ran = two.boottime_ms - one.boottime_ms
        return abs(wall - ran) > doubt + abs(ran) * SLEW_PPM // 1_000_000
    set_between = steps.get(one.chain, ())
    return wall < -doubt or bisect_right(set_between, one.seq) < bisect_left(set_between, two.seq)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def merged(found: Iterable[Found]) -> dict[int, set[Doubt]]:
    """Several findings joined into one."""
    together: defaultdict[int, set[Doubt]] = defaultdict(set)
    for one in found:
        for index, words in one.items():
            together[index] |= words
    return together
