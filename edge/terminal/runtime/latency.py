"""Waiting times: from the deciding frame to the light, and from the first sight of a face to its answer."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from edge.domain.attendance.cues import Cue, CueName

_RECOGNISED = frozenset(
    {
        *(CueName.IN, CueName.OUT, CueName.BREAK_BEGINS, CueName.BREAK_ENDS, CueName.PRESS_BUTTON),
        *(CueName.ALREADY_IN, CueName.ALREADY_OUT, CueName.ALREADY_ON_BREAK),
    }
)
_KEPT = 1_000
"""Number of decisions from which the percentiles are computed."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds over the decisions that are kept; 0.0 before the first."""

    p50: float
    p95: float


class Latency:
    """Measures waiting times. The attending thread reports what it decided, the signal thread when the lights
    showed it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: tuple[CueName, int, int] | None = None
        self._frame_ms: deque[float] = deque(maxlen=_KEPT)
        self._face_ms: deque[float] = deque(maxlen=_KEPT)

    def decided(self, cue: CueName, captured_ns: int, first_seen_ns: int) -> None:
        """Take a decision: this cue answers the frame of `captured_ns`, whose face was first seen at
        `first_seen_ns`.
        """
        with self._lock:
            self._open = (cue, captured_ns, first_seen_ns)

    def shown(self, cue: Cue, shown_ns: int) -> None:
        """Take the instant at which the first lights of a cue are on."""
        with self._lock:
            if self._open is None or self._open[0] is not cue.name:
                return
            _, captured_ns, first_seen_ns = self._open
            self._open = None
            self._frame_ms.append((shown_ns - captured_ns) / 1e6)
            if cue.name in _RECOGNISED:
                self._face_ms.append((shown_ns - first_seen_ns) / 1e6)

    def frame_to_cue(self) -> Percentiles:
        """From the end of the exposure of the deciding frame to the light."""
        with self._lock:
            return _percentiles(self._frame_ms)

    @property
    def alarms(self) -> tuple[str, ...]:
        """Empty: latency raises no alarm."""
        return ()

    def counters(self) -> dict[str, float]:
        """Counters for the status."""
        found = self.frame_to_cue()
        return {"frame_to_cue_p50_ms": found.p50, "frame_to_cue_p95_ms": found.p95}

    def face_to_cue(self) -> Percentiles:
        """From the first frame with the face to the light: the waiting time of a recognised person."""
        with self._lock:
            return _percentiles(self._face_ms)


def _percentiles(samples: Sequence[float]) -> Percentiles:
    if not samples:
        return Percentiles(0.0, 0.0)
    ordered = sorted(samples)
    # Nearest rank: each percentile is a measured value.
    return Percentiles(*(round(ordered[-(-len(ordered) * share // 100) - 1], 1) for share in (50, 95)))
