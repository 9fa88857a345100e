"""Noticing a stream that repeats itself: one frame for ever, or a recording in a loop.

The noise of a sensor makes each of its frames another one, bit by bit. So a frame that equals an earlier one was
not taken by a sensor just now. What is compared is a digest of every fourth pixel each way; no picture is kept. A
frame that is nearly all black or white is not compared: there noise is cut off, and equal frames prove nothing. A
frame that comes twice in a row is no sign either: drivers do that.

A loop is noticed from its second round on, and only if one round fits into the memory. A recording to which
somebody adds noise is not noticed here.
"""

import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from edge.domain.face import Pixels

_STEP = 4
_DARKEST, _BRIGHTEST = 12, 243
_SHOWING = 0.1
"""At least this share of the samples must lie between the two, or the frame is not compared."""


class StreamFault(StrEnum):
    """How a stream repeats itself."""

    FROZEN = "the same frame comes again and again"
    LOOP = "frames come again that were seen before"


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """When equal frames count."""

    remembered: int = 16_384
    """Most frames that are remembered, some 3 MB: 18 minutes at 15 frames a second."""
    frozen_ms: int = 5_000
    """One frame for so long is a frozen stream, if it came `frozen_frames` times."""
    frozen_frames: int = 10
    repeats: int = 15
    """So many frames that were seen before, within `within_ms`, are a loop."""
    within_ms: int = 60_000
    mended_ms: int = 60_000
    """After so long with new frames only, the stream counts again."""


class RepeatedFrames:
    """The frames of one stream; one thread uses it."""

    def __init__(self, policy: StreamPolicy | None = None) -> None:
        self.found: StreamFault | None = None
        """How the stream repeats itself; None while it does not."""
        self._policy = policy or StreamPolicy()
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._last: bytes | None = None
        self._since_ms = self._repeated_ms = 0
        self._times = 0
        self._hits: deque[int] = deque(maxlen=self._policy.repeats)

    def observe(self, pixels: Pixels, now_ms: int) -> StreamFault | None:
        """Take a (height, width, 3) frame; returns how the stream repeats itself."""
        digest = digest_of(pixels)
        if digest is None:
            self._last = None
            return self.found
        if digest == self._last:
            self._times += 1
            if self._times >= self._policy.frozen_frames and now_ms - self._since_ms >= self._policy.frozen_ms:
                self.found, self._repeated_ms = StreamFault.FROZEN, now_ms
            return self.found
        self._last, self._since_ms, self._times = digest, now_ms, 1
        if digest in self._seen:
            self._seen.move_to_end(digest)
            self._again(now_ms)
        else:
            self._seen[digest] = None
            if len(self._seen) > self._policy.remembered:
                self._seen.popitem(last=False)
            if self.found is not None and now_ms - self._repeated_ms >= self._policy.mended_ms:
                self.found = None
        return self.found

    def _again(self, now_ms: int) -> None:
        self._hits.append(now_ms)
        if self.found is not None:
            self._repeated_ms = now_ms
        full = len(self._hits) == self._policy.repeats
        if full and now_ms - self._hits[0] <= self._policy.within_ms:
            self.found, self._repeated_ms = StreamFault.LOOP, now_ms


def digest_of(pixels: Pixels) -> bytes | None:
    """64 bits of a frame's pixels; None for a frame in which a sensor's noise would not show."""
    sample = np.ascontiguousarray(pixels[::_STEP, ::_STEP])
    # One comparison for two: what is darker than _DARKEST becomes large.
    showing = np.count_nonzero(sample - np.uint8(_DARKEST) < _BRIGHTEST - _DARKEST)
    if showing < _SHOWING * sample.size:
        return None
    return hashlib.blake2b(sample.tobytes(), digest_size=8).digest()
