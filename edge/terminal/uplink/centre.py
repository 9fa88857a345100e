"""The way to the centre as one part that fails alone: whatever ends it, punching goes on and it is begun again.

It is made anew from the configuration each time, keys and all, so that what was mended on the disk is used.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import JournalAltered, JournalDamaged, SmartClockerError
from edge.ports import Uplink
from edge.terminal.runtime.alarms import Alarm
from edge.terminal.uplink.publisher import Publisher

_log = logging.getLogger(__name__)
RETRY_S = 10.0
"""Between two attempts to begin, and between two looks whether unusable keys were mended."""


@dataclass(frozen=True, slots=True)
class Made:
    """A publisher that is not open yet, with what it had to be made without."""

    publisher: Publisher
    uplink: Uplink
    lacking: tuple[str, ...] = ()
    """What is wrong with keys or the policy that it goes on without, in words with the cure."""
    pinned: object = ()
    """Which keys it was made with: others, once they lie there, want a new one."""


class CentreLink:
    """The body of the publish worker: everything but `wake`, `alarms` and `counters` is its thread's."""

    def __init__(
        self,
        make: Callable[[], Made],
        pinned: Callable[[], object],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` raises what a wrong configuration raises; `pinned` says what of it a new one would have."""
        self._make, self._pinned, self._now_s = make, pinned, now_s
        self._made: Made | None = None
        self._begin_at = self._look_at = float("-inf")
        self._said: set[str] = set()
        self._failing = False
        self._faults = 0

    @property
    def publisher(self) -> Publisher | None:
        """The one that is at work, if one is."""
        return None if self._made is None else self._made.publisher

    @property
    def alarms(self) -> tuple[str, ...]:
        """Words for the status, beside the publisher's own."""
        made = self._made
        found = [Alarm.CENTRE_FAILING] * self._failing
        if made is not None:
            found += [Alarm.UPLINK_FILES] * made.uplink.unusable + [Alarm.KEYS_UNUSABLE] * bool(made.lacking)
        return tuple(found)

    def counters(self) -> dict[str, int]:
        """For the status."""
        made = self._made
        return {"uplink_faults": self._faults + (0 if made is None else made.uplink.faults)}

    def open(self) -> None:
        """Begin, if it can be done."""
        self._begin()

    def wake(self) -> None:
        """A record was appended: send it now. Any thread may call it."""
        made = self._made
        if made is not None:
            made.publisher.wake()

    def run_once(self, timeout_s: float) -> None:
        """One turn of the publisher, or of waiting for the next attempt. Raises JournalDamaged, JournalAltered."""
        made = self._made
        if made is None:
            if self._now_s() < self._begin_at:
                time.sleep(timeout_s)
            else:
                self._begin()
            return
        try:
            made.publisher.run_once(timeout_s)
        except (JournalDamaged, JournalAltered):
            raise
        except Exception as error:  # noqa: BLE001 - the centre is no reason to stop punching
            self._fails(error)
            return
        self._failing = False
        if self._now_s() >= self._look_at:
            self._look_at = self._now_s() + RETRY_S
            if self._pinned() != made.pinned:
                _log.warning("keys or policy were changed: the way to the centre begins anew")
                self._end()
                self._begin()

    def close(self) -> None:
        """Say goodbye and release all; safe to call twice. Raises JournalError."""
        made, self._made = self._made, None
        if made is not None:
            made.publisher.close()

    def _begin(self) -> None:
        try:
            made = self._make()
            self._made = made
            made.publisher.open()
        except (JournalDamaged, JournalAltered):
            raise
        except Exception as error:  # noqa: BLE001 - as above
            self._fails(error)
            return
        for problem in made.lacking:
            self._say("the centre's orders or receipts do not count here until this is mended: %s", problem)

    def _fails(self, error: Exception) -> None:
        self._failing = True
        self._begin_at = self._now_s() + RETRY_S
        foreseen = isinstance(error, SmartClockerError)
        self._faults += not foreseen
        text = str(error) if foreseen else f"an error that nobody foresaw ({type(error).__name__}); report it"
        self._say("the centre is not reached, and punching goes on: %s", text, traceback=not foreseen)
        self._end()

    def _end(self) -> None:
        try:
            self.close()
        except Exception as error:  # noqa: BLE001 - as above
            _log.debug("the way to the centre could not be closed in order: %s", error)

    def _say(self, text: str, value: str, *, traceback: bool = False) -> None:
        # Each cause once: it may last for a weekend.
        if value not in self._said:
            self._said.add(value)
            _log.error(text, value, exc_info=traceback)
