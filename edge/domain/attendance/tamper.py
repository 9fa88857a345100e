"""The tamper switch: when an opened box is told, and when it counts as closed again. Pure; instants are in
milliseconds.

An opening is told at once. It is over only after the switch was closed for CLOSED_MS, so that a loose switch makes
two records a minute at most and fills no journal.
"""

from edge.domain.protocol.record_kinds import TamperState

CLOSED_MS = 60_000


class TamperSwitch:
    """The state of one box. It counts as closed until the switch says something else."""

    def __init__(self) -> None:
        self.told_open = False
        """Whether the opening was told, and no closing since."""
        self._opened = False
        self._closed_ms: int | None = None

    def was_opened(self) -> None:
        """An earlier run of the program told that the box was opened, and ended before it told of the closing."""
        self._opened = self.told_open = True

    def changed(self, is_open: bool, at_ms: int) -> None:
        """Take a change of the switch."""
        if is_open:
            self._opened, self._closed_ms = True, None
        elif self._opened and self._closed_ms is None:
            self._closed_ms = at_ms

    def due(self, now_ms: int) -> TamperState | None:
        """The state that is to be recorded now; None where nothing is new."""
        if self._opened and not self.told_open:
            self.told_open = True
            return TamperState.OPENED
        if self._closed_ms is not None and now_ms - self._closed_ms >= CLOSED_MS:
            self._opened, self._closed_ms, self.told_open = False, None, False
            return TamperState.CLOSED
        return None
