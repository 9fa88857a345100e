"""The link to the centre, which fails alone: if an error ends it, punching goes on, and the link is started again.

Each start reads the configuration and the keys again, so that a repair on the disk takes effect.
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
"""Pause between two attempts to start, and between two checks whether the keys on the disk have changed."""


@dataclass(frozen=True, slots=True)
class Made:
    """A publisher that is not open yet, and what is missing to it."""

    publisher: Publisher
    uplink: Uplink
    lacking: tuple[str, ...] = ()
    """Problems of keys or policy, without which the publisher goes on; in words with the cure."""
    pinned: object = ()
    """The keys with which it was made. When other keys lie on the disk, a new publisher is made."""


class CentreLink:
    """The body of the publish worker. Any thread may use `wake`, `alarms`, `counters`; the rest is its own."""

    def __init__(
        self,
        make: Callable[[], Made],
        pinned: Callable[[], object],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` makes a publisher and raises the errors of a wrong configuration. `pinned` returns the
        `Made.pinned` that a new one would have.
        """
        self._make, self._pinned, self._now_s = make, pinned, now_s
        self._made: Made | None = None
        self._begin_at = self._look_at = float("-inf")
        self._said: set[str] = set()
        self._failing = False
        self._faults = 0

    @property
    def publisher(self) -> Publisher | None:
        """The publisher at work; None while there is none."""
        return None if self._made is None else self._made.publisher

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status; the publisher's own are not among them."""
        made = self._made
        found = [Alarm.CENTRE_FAILING] * self._failing
        if made is not None:
            found += [Alarm.UPLINK_FILES] * made.uplink.unusable + [Alarm.KEYS_UNUSABLE] * bool(made.lacking)
        return tuple(found)

    def counters(self) -> dict[str, int]:
        """Counters for the status."""
        made = self._made
        return {"uplink_faults": self._faults + (0 if made is None else made.uplink.faults)}

    def open(self) -> None:
        """Start the link, if that is possible now."""
        self._begin()

    def wake(self) -> None:
        """Send a record that was appended just now. Any thread may call it."""
        made = self._made
        if made is not None:
            made.publisher.wake()

    def run_once(self, timeout_s: float) -> None:
        """One turn of the publisher, or of the wait for the next start. Raises JournalDamaged, JournalAltered."""
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
                _log.warning("keys or policy were changed: the link to the centre is started again")
                self._end()
                self._begin()

    def close(self) -> None:
        """Report a clean stop and release everything; safe to call twice. Raises JournalError."""
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
        self._say("the terminal does not reach the centre, and punching goes on: %s", text, traceback=not foreseen)
        self._end()

    def _end(self) -> None:
        try:
            self.close()
        except Exception as error:  # noqa: BLE001 - as above
            _log.debug("the link to the centre could not be closed in order: %s", error)

    def _say(self, text: str, value: str, *, traceback: bool = False) -> None:
        # Each cause is logged once, because it may last for a weekend.
        if value not in self._said:
            self._said.add(value)
            _log.error(text, value, exc_info=traceback)
