"""The times of a camera's frames, as far as the camera's own may be believed.

Everything that judges a person measures by these times: how long somebody has stood there, whether a stream stands
still, when an enrolment is over. A driver that repeats a buffer with its time, or counts from another year, must
not stop that clock.
"""

MOST_AGE_NS = 60_000_000_000
"""A frame that claims to be older was not taken then: a driver has a few buffers, which fill within a second."""


class FrameTimes:
    """The times of one stream, each later than the one before. One thread uses it."""

    def __init__(self) -> None:
        self._last_ns: int | None = None

    def of(self, taken_ns: int | None, now_ns: int) -> int:
        """The time of the next frame in ns on the monotonic clock.

        It is `taken_ns`, as the camera tells it, or `now_ns` where the camera tells none, tells one that is not
        later than that of the frame before, or one that is in the future or older than MOST_AGE_NS.
        """
        at_ns = now_ns
        if taken_ns is not None and now_ns - MOST_AGE_NS <= taken_ns < now_ns:
            at_ns = taken_ns if self._last_ns is None or taken_ns > self._last_ns else now_ns
        self._last_ns = at_ns
        return at_ns
