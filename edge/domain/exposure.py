"""Exposure control by the face: a camera that meters the whole hall leaves a face before a window black.

A step of exposure compensation at a time, and then a moment for the sensor to follow: the automatic exposure of the
camera goes on underneath. Pure; instants are the frames' own.
"""

from dataclasses import dataclass

STEP, MOST = 0.5, 2.0
"""In stops (EV): each doubles or halves the light. Beyond two there is noise, or a burnt-out face, to be won."""


@dataclass(frozen=True, slots=True)
class Light:
    """Of a face's features."""

    luminance: float
    """Mean, 0..255."""
    clipped: float
    """Share of burnt-out pixels."""


@dataclass(frozen=True, slots=True)
class MeteringPolicy:
    """When to change what."""

    dark: float = 70.0
    """The gate's `good_luminance`: under it the picture loses quality."""
    burnt: float = 0.1
    """Brightened pictures miss a little more from there on (`edge.evaluation.recognition.overexposure`)."""
    settle_ms: int = 400
    """What a sensor's automatic exposure needs to follow."""
    forget_ms: int = 5_000
    """Without a face for so long the next one is metered anew."""


class Metering:
    """One camera's compensation; one thread uses it."""

    def __init__(self, policy: MeteringPolicy | None = None) -> None:
        self.ev = 0.0
        self._policy = policy or MeteringPolicy()
        self._changed_ms: int | None = None
        self._face_ms: int | None = None

    def observe(self, light: Light | None, now_ms: int) -> bool:
        """Take what a frame's face looked like, None without one; whether `ev` is another now."""
        before = self.ev
        if light is None:
            if self._face_ms is not None and now_ms - self._face_ms >= self._policy.forget_ms:
                self.ev, self._face_ms, self._changed_ms = 0.0, None, None
            return self.ev != before
        self._face_ms = now_ms
        if self._changed_ms is not None and now_ms - self._changed_ms < self._policy.settle_ms:
            return False
        if light.clipped > self._policy.burnt:
            self.ev = max(self.ev - STEP, -MOST)
        elif light.luminance < self._policy.dark:
            self.ev = min(self.ev + STEP, MOST)
        if self.ev != before:
            self._changed_ms = now_ms
        return self.ev != before
