"""Everything that the attending thread writes into the journal: in the order of time, durable or not at all.

A disk that takes nothing is an expected thing on a wall: the terminal says so with its lights, and goes on as soon
as it is mended. A damaged journal is not: that ends the process, and the next start sets it aside.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time import clock_steps
from edge.domain.time.evidence import TimeEvidence
from edge.errors import JournalAltered, JournalDamaged, JournalError
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal, Stored
from edge.journal.quarantine import mark_suspect
from edge.ports import Clock

_log = logging.getLogger(__name__)


class Recorder:
    """One thread's way to append."""

    def __init__(self, ring: Journal, reserve: Reserve, clock: Clock, appended: Callable[[], None]) -> None:
        """`appended` is told after each record, so that the uplink need not poll."""
        self.writable = True
        """False from the first record that could not be stored until `mended`."""
        self._ring, self._reserve, self._clock, self._appended = ring, reserve, clock, appended
        self._last_time = ring.last_time()
        self._owed: tuple[Kind, Mapping[str, Any]] | None = None

    def now(self) -> TimeEvidence:
        """The time with its evidence; a wall clock that was set since the last look is put on record first."""
        evidence = self._clock.evidence()
        before, self._last_time = self._last_time, evidence
        step = None if before is None else clock_steps.observe(before, evidence)
        if step is not None:
            _log.warning("the wall clock moved by %d ms (synchronised: %s)", step["step_ms"], evidence.synchronised)
            if self.append(Kind.CLOCK_STEP, step, evidence) is None:
                self._last_time = before  # it is seen again, and recorded then
        return evidence

    def append(self, kind: Kind, data: Mapping[str, Any], evidence: TimeEvidence) -> Stored | None:
        """Durable when it returns a record; None when the disk takes nothing, and then nothing was stored.

        Raises JournalDamaged, after which the next start checks the whole file.
        """
        draft = Draft(kind, data, evidence)
        try:
            stored = self._reserve.lend(lambda: self._ring.append(draft))
        except (JournalDamaged, JournalAltered):
            mark_suspect(self._ring.path)
            raise
        except JournalError as error:
            if self.writable:
                _log.critical("%s", error)
            self.writable = False
            return None
        self.writable = True
        self._appended()
        return stored

    def owe(self, kind: Kind, data: Mapping[str, Any]) -> None:
        """Append now, or else as soon as the disk takes records again; with the time of then."""
        if self.append(kind, data, self.now()) is None:
            self._owed = (kind, data)

    def mended(self) -> bool:
        """Whether the disk takes records again; tried by writing."""
        try:
            self._ring.probe()
        except JournalError:
            return False
        self.writable = True
        if self._owed is not None:
            kind, data = self._owed
            if self.append(kind, data, self.now()) is not None:
                self._owed = None
        return self.writable
