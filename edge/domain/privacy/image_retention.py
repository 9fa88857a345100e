"""Retention of evidence images: 90 days, and no fault of a clock makes it longer.

The wall clock does not count. What counts is how much time can have passed *at most* since an image was collected.
Within one boot the boottime tells that, whatever the wall clock is set to. Only a clock that follows a time server
can tell how long the power was off, by comparison with the last boot in which one did. Until then nothing is
certain; after a bounded grace, images from before are deleted because nobody can show that they are young enough.
Where two readings disagree, the one counts that deletes earlier. A time server that gives a false but plausible
time from the first look on is believed: nothing at the terminal could contradict it.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.placement import DRIFT_PPM

HOUR_MS = 3_600_000
KEEP_MS = 90 * 24 * HOUR_MS - HOUR_MS
"""The 90 days of the privacy policy, less an hour: for the interval of `LOOK_MS`, and for the drift of a crystal
over 90 days (13 minutes at DRIFT_PPM).
"""
LOOK_MS = 600_000
"""Interval in which a running terminal looks."""
GRACE_MS = HOUR_MS
"""Running time without proof of how long the power was off, after which images from before are deleted. It adds up
over starts, each of which counts at least `LOOK_MS`. It is a choice: routers take minutes to come back.
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ElapsedTime:
    """How time passed, as far as this terminal knows; all in whole milliseconds. A *life* is one boot."""

    total_ms: int
    """The most that can have passed since the store was made; ages are counted by it."""
    run_ms: int
    """The part of it in which the terminal was seen running; the rest it was off, or was not seen."""
    life: int
    boot_id: str
    boottime_ms: int
    utc_ms: int
    """The wall clock at the last look, right or wrong."""
    base_ms: int | None = None
    """Synchronised time minus `run_ms` in the last boot before this one that had any; None when no boot had."""
    anchor_ms: int | None = None
    """The same for this boot: the least that was seen, because a gap that is counted from too early only deletes
    earlier.
    """
    gap_ms: int = 0
    """The part of `total_ms` for the time between the last boot and this one."""
    proven: bool = True
    """Whether nothing before this boot is uncertain: a time server was heard since, or there is nothing before
    it.
    """
    unproven_ms: int = 0
    """Running time since it became uncertain."""
    since_life: int = 1
    """Images from boots before this one can never be dated; delete them at once."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The moment at which an image was collected, by the terminal's own count."""

    total_ms: int
    life: int


def begin(now: TimeEvidence) -> ElapsedTime:
    """The first look at a new store."""
    return _hear(ElapsedTime(0, 0, 1, now.boot_id, now.boottime_ms, _milliseconds(now.utc)), now)


def advance(before: ElapsedTime, now: TimeEvidence) -> ElapsedTime:
    """The next look. `total_ms` never falls."""
    passed = now.boottime_ms - before.boottime_ms
    utc_ms = _milliseconds(now.utc)
    if now.boot_id == before.boot_id and passed >= 0:
        moved = replace(
            before,
            total_ms=before.total_ms + passed + -(-passed * DRIFT_PPM // 1_000_000),
            run_ms=before.run_ms + passed,
            boottime_ms=now.boottime_ms,
            utc_ms=utc_ms,
            unproven_ms=0 if before.proven else before.unproven_ms + passed,
        )
        return _hear(moved, now)
    # Another boot. If the wall clock says that there was a gap, the gap counts at once: the clock may have a
    # battery. If it says nothing, that proves nothing.
    gap_ms = max(0, utc_ms - before.utc_ms)
    base_ms, since_life = _base(before)
    begun = replace(
        before,
        total_ms=before.total_ms + gap_ms,
        life=before.life + 1,
        boot_id=now.boot_id,
        boottime_ms=now.boottime_ms,
        utc_ms=utc_ms,
        base_ms=base_ms,
        anchor_ms=None,
        gap_ms=gap_ms,
        proven=False,
        unproven_ms=(0 if before.proven else before.unproven_ms) + LOOK_MS,
        since_life=since_life,
    )
    return _hear(begun, now)


def collected(passage: ElapsedTime, now: TimeEvidence, at: TimeEvidence) -> Collected:
    """The count for an image that was collected at `at`, a little before `now`, at which `passage` was looked
    at.
    """
    waited = now.boottime_ms - at.boottime_ms if now.boot_id == at.boot_id else 0
    return Collected(passage.total_ms - max(0, waited), passage.life)


def expired(one: Collected, passage: ElapsedTime) -> bool:
    """Whether the image is to be deleted now."""
    if passage.total_ms - one.total_ms >= KEEP_MS or one.life < passage.since_life:
        return True
    return not certain(one, passage) and passage.unproven_ms >= GRACE_MS


def certain(one: Collected, passage: ElapsedTime) -> bool:
    """Whether its age is known; an image of unknown age is not handed out."""
    return passage.proven or one.life == passage.life


def _base(ended: ElapsedTime) -> tuple[int | None, int]:
    """The value from which the next boot measures its gap, and the first boot that it dates."""
    # no time server in this boot: an earlier one covers its gaps, too; or none ever did
    if ended.anchor_ms is None:
        return ended.base_ms, ended.since_life if ended.base_ms is not None else ended.life + 1
    # It contradicted an earlier time server, so the gap before it stays unknown.
    return ended.anchor_ms, ended.since_life if ended.proven else ended.life


def _hear(passage: ElapsedTime, now: TimeEvidence) -> ElapsedTime:
    """The passage with the time that a synchronised clock adds; an unsynchronised one adds nothing."""
    if not now.synchronised:
        return passage
    offset = _milliseconds(now.utc) - passage.run_ms
    anchor_ms = offset if passage.anchor_ms is None else min(passage.anchor_ms, offset)
    heard = replace(passage, anchor_ms=anchor_ms)
    if passage.base_ms is None:
        return heard
    # Since the last boot that heard a time server: all the time that passed, minus the time seen running.
    gap_ms = offset - passage.base_ms
    if gap_ms < -_slack(passage.run_ms):
        return heard  # time went backwards: one of the two was wrong, and nobody knows which
    more = max(0, gap_ms - passage.gap_ms)
    return replace(
        heard,
        total_ms=passage.total_ms + more,
        gap_ms=passage.gap_ms + more,
        proven=True,
        unproven_ms=0,
    )


def _slack(run_ms: int) -> int:
    """How far a crystal and a steered clock may disagree: at least as much as a time service steps."""
    return 2_000 + run_ms * DRIFT_PPM // 1_000_000


def _milliseconds(utc: str) -> int:
    return (datetime.fromisoformat(utc) - _EPOCH) // (datetime.resolution * 1000)
