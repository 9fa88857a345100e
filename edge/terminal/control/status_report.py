"""The answer to `status`: what the running terminal says about itself, and about nobody else."""

from collections.abc import Callable
from typing import Any

from edge import __version__
from edge.domain.attendance.cues import CUES
from edge.domain.protocol.record import Origin
from edge.journal.journal import Journal
from edge.ports import Clock
from edge.terminal.runtime.lending import Lending
from edge.terminal.runtime.status_source import StatusSource

_FRESH_NS = 1_000_000_000
"""The journal is read once in this time, however often somebody asks."""


class StatusReport:
    """Makes the answer, on the control thread."""

    def __init__(
        self,
        origin: Origin,
        models: tuple[str, ...],
        open_journal: Callable[[], Journal],
        lending: Lending,
        sources: StatusSource,
        clock: Clock,
    ) -> None:
        """`sources` reports the alarms and counters of the whole terminal."""
        self._origin, self._models, self._open_journal = origin, models, open_journal
        self._lending, self._sources, self._clock = lending, sources, clock
        self._journal: dict[str, Any] = {}
        self._read_ns: int | None = None

    def fields(self) -> dict[str, Any]:
        """The fields of docs/control.md. Raises JournalError."""
        situation = self._lending.situation
        return {
            "site": self._origin.site,
            "terminal": self._origin.terminal,
            "version": __version__,
            "models": list(self._models),
            "state": "starting" if situation is None else str(situation.state),
            "cue": None if situation is None else str(situation.cue),
            "text": None if situation is None else CUES[situation.cue].text,
            "alarms": sorted(set(self._sources.alarms)),
            "counters": dict(sorted(self._sources.counters().items())),
            "journal": self._stats(),
            "utc": self._clock.evidence().utc,
        }

    def _stats(self) -> dict[str, Any]:
        now_ns = self._clock.monotonic_ns()
        if self._read_ns is None or now_ns - self._read_ns >= _FRESH_NS:
            with self._open_journal() as journal:
                found = journal.stats()
                self._journal = {
                    "epoch": journal.epoch,
                    "head": found.head,
                    "watermark": found.watermark,
                    "pending": found.head - found.watermark,
                }
            self._read_ns = now_ns
        return self._journal
