"""Maintenance of the journal: its bounds, its age limit, its disk reserve, and the alarm words that warn."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.instant import utc_text
from edge.errors import JournalError
from edge.journal import capacity
from edge.journal.capacity import Bounds, Fill
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal
from edge.terminal.runtime.alarms import Alarm

AGE_EVERY_MS = 3_600_000
RESERVE_EVERY_MS = 60_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JournalHealth:
    """The result of one round of maintenance."""

    full: bool
    warnings: tuple[str, ...]
    evicted: int


class JournalMaintenance:
    """The maintenance task; the attending thread runs it every second."""

    def __init__(self, journal: Journal, reserve: Reserve, bounds: Bounds) -> None:
        self._journal, self._reserve, self._bounds = journal, reserve, bounds
        self._age_at = self._reserve_at = 0
        self._reserve_short = False

    def run(self, now: TimeEvidence, now_ms: int) -> JournalHealth:
        """Evict the records that may go, and report on the journal; `now_ms` is of the monotonic clock. Raises
        JournalError.
        """
        evicted = self._age(now, now_ms)
        fill = self._fill()
        keep = capacity.keep(fill, self._bounds)
        if fill.records > keep:
            evicted += self._journal.evict(keep)
            fill = self._fill()
        if now_ms >= self._reserve_at:
            self._reserve_at = now_ms + RESERVE_EVERY_MS
            self._fit_reserve()
        word = capacity.alarm(capacity.share(fill, self._bounds))
        warnings = (
            (word, word is not None and word != capacity.FULL),
            (Alarm.RESERVE_SHORT, self._reserve_short),
            (Alarm.UNSYNCHRONISED, not now.synchronised),
        )
        raised = tuple(name for name, is_raised in warnings if is_raised and name is not None)
        return JournalHealth(word == capacity.FULL, raised, evicted)

    def _fill(self) -> Fill:
        stats = self._journal.stats()
        return Fill(stats.records, stats.bytes, stats.pending)

    def _age(self, now: TimeEvidence, now_ms: int) -> int:
        # A clock that follows no time server must not decide what is old.
        if now_ms < self._age_at or not now.synchronised:
            return 0
        limit = datetime.fromisoformat(now.utc) - timedelta(days=self._bounds.retention_days)
        removed = self._journal.evict_older(utc_text(limit))
        if removed == 0:
            self._age_at = now_ms + AGE_EVERY_MS
        return removed

    def _fit_reserve(self) -> None:
        try:
            short = not self._reserve.fit()
        except JournalError as error:
            if not self._reserve_short:
                _log.warning("%s", error)
            short = True
        if short and not self._reserve_short:
            _log.warning(
                "the disk has no room for the journal to grow to storage.max_bytes; free some, or lower that value"
            )
        self._reserve_short = short
