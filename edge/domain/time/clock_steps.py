"""Clock steps: was the wall clock set between two looks at it? It must have moved as far as the time since boot
has.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edge.domain.time.evidence import TimeEvidence

STEP_MS = 1_000
"""Milliseconds; a larger jump is a step. A clock that is steered moves by 0.05 % at most (adjtimex(2): 500 ppm),
half a millisecond a second; time services step a larger error (timesyncd beyond 0.4 s, chrony by its makestep).
"""


def observe(before: TimeEvidence, now: TimeEvidence) -> Mapping[str, Any] | None:
    """The fields of a `clock-step` record, or None when there is nothing to record.

    A record is made when the wall clock jumped, and when it began to follow a time server: from that record,
    earlier ones of this boot can be placed. Across a reboot nothing can be compared.
    """
    if before.boot_id != now.boot_id:
        return None
    step_ms = _ms_between(before.utc, now.utc) - (now.boottime_ms - before.boottime_ms)
    if abs(step_ms) <= STEP_MS and not (now.synchronised and not before.synchronised):
        return None
    return {
        "step_ms": step_ms,
        "before": before.utc,
        "after": now.utc,
        "synchronised_before": before.synchronised,
        "synchronised_after": now.synchronised,
    }


def _ms_between(earlier: str, later: str) -> int:
    span = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return round(span.total_seconds() * 1000)
