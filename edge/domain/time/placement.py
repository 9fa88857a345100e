"""Placement: when a record was really made, if its terminal did not know the time; found afterwards by boot id and
boottime.

Within one boot the boottime counts on, suspend included, whatever the wall clock is set to. So a record that was
made while the clock followed a time server (an anchor) dates every other record of the same boot. No record is ever
rewritten: the result stands beside it and says how it was found.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.instant import utc_text

DRIFT_PPM = 100
"""Assumed drift of a free-running clock, in ppm: the tolerance that computer crystals are commonly sold with. A
survey of 20,000 hosts on NTP had a median of 78 (doi:10.1201/9781420006155-16), so that it is a fair figure and no
guarantee: a bad crystal drifts further. `clock-step` records show what a terminal's clock really did.
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class PlacementMethod(StrEnum):
    """How a moment was found."""

    AS_RECORDED = "as-recorded"
    """The terminal's clock followed a time server."""
    PLACED = "placed"
    """From an anchor of the same boot."""
    UNPLACED = "unplaced"
    """Nothing dates it: the moment is what the terminal's clock said, which may be wrong by years."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The moment of a record, as far as it can be known."""

    utc: str
    """RFC 3339 UTC with milliseconds and Z."""
    mark: PlacementMethod
    uncertainty_ms: int | None
    """Possible error either way, in milliseconds, beyond the anchor's own error; None where nothing is known."""


class Anchors:
    """The moments of one terminal at which its clock followed a time server, by boot."""

    def __init__(self, times: Iterable[TimeEvidence] = ()) -> None:
        self._found: dict[str, dict[int, tuple[int, int]]] = {}
        """By boot and boottime: the earliest and the latest moment that a clock said at that millisecond."""
        self._order: dict[str, list[int]] = {}
        """The boottimes of each boot; sorted when they are needed."""
        for time in times:
            self.add(time)

    def add(self, time: TimeEvidence) -> None:
        """Take one more record of this terminal; one that is no anchor is ignored. Records may come in any order
        and repeat.
        """
        if not time.synchronised:
            return
        utc, boot = _milliseconds(time.utc), self._found.setdefault(time.boot_id, {})
        low, high = boot.get(time.boottime_ms, (utc, utc))
        boot[time.boottime_ms] = min(low, utc), max(high, utc)
        self._order.pop(time.boot_id, None)

    def near(self, time: TimeEvidence) -> list[tuple[int, int]]:
        """The nearest anchors of its boot on either side, each as its distance and what it says of this moment, in
        ms.

        The nearest is first. There are two on one side only where several anchors of one millisecond disagree: the
        extremes.
        """
        boot = self._found.get(time.boot_id)
        if boot is None:
            return []
        order = self._order.get(time.boot_id) or self._sorted(time.boot_id)
        where = bisect_left(order, time.boottime_ms)
        found = set()
        for nearest in order[max(0, where - 1) : where + 1]:
            for utc in boot[nearest]:
                found.add((abs(nearest - time.boottime_ms), utc - (nearest - time.boottime_ms)))
        return sorted(found)

    def _sorted(self, boot_id: str) -> list[int]:
        self._order[boot_id] = sorted(self._found[boot_id])
        return self._order[boot_id]


def place(time: TimeEvidence, anchors: Anchors) -> Placement:
    """The placed moment of a record with this evidence. `anchors` are of the same terminal."""
    if time.synchronised:
        return Placement(time.utc, PlacementMethod.AS_RECORDED, 0)
    near = anchors.near(time)
    placed = _text(near[0][1]) if near else None
    if placed is None:
        return Placement(time.utc, PlacementMethod.UNPLACED, None)
    said = [(moment - _bound(distance), moment + _bound(distance)) for distance, moment in near]
    reach = _bound(near[0][0])
    if any(low > said[0][1] or high < said[0][0] for low, high in said[1:]):
        # A clock was set by hand while it passed for synchronised: neither anchor can be believed alone.
        reach = max(reach, *(abs(edge - near[0][1]) for span in said for edge in span))
    return Placement(placed, PlacementMethod.PLACED, reach)


def not_before(time: TimeEvidence, anchor: TimeEvidence | None) -> str | None:
    """The earliest moment that it can be at `time`: by the clock, or else by the boottime since `anchor`.

    RFC 3339 UTC with milliseconds and Z; None where nothing tells.
    """
    placed = place(time, Anchors(() if anchor is None else (anchor,)))
    if placed.uncertainty_ms is None:
        return None
    return _text(_milliseconds(placed.utc) - placed.uncertainty_ms)


def _bound(distance_ms: int) -> int:
    # The drift is of the true time, and a slow counter reads less of it. Rounded up; both readings are whole ms.
    return -(-distance_ms * DRIFT_PPM // (1_000_000 - DRIFT_PPM)) + 1


def _milliseconds(utc: str) -> int:
    return (datetime.fromisoformat(utc) - _EPOCH) // _MS


def _text(milliseconds: int) -> str | None:
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:  # before the year 1 or after 9999: the boottimes are no boottimes
        return None
    return utc_text(moment)
