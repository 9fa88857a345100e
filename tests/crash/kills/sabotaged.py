"""The terminal with one rule broken: the light comes first, the record after it, as late as a slow card makes it.

    python -m tests.crash.kills.sabotaged run --config FILE

Only to show that the harness can find a loss; the product has no such switch.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any

from edge.cli import main
from edge.domain.attendance.states import Event, Happening
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from edge.domain.vocabulary import Direction
from edge.journal.journal import Stored
from edge.terminal.attendance.attend_loop import Attend
from edge.terminal.attendance.punch_recorder import Identified, Recorder

CARD_S = 0.03
"""What an SD card takes for a sync on an ordinary day."""
_EVENTS = {Kind.PUNCH: Event.COMMITTED, Kind.SUPPRESSED: Event.SUPPRESSED}


class _CueFirst:
    """In place of the recorder, for the length of one punch."""

    def __init__(self, recorder: Recorder, attend: Attend, captured_ns: int | None) -> None:
        self._recorder, self._attend, self._captured_ns = recorder, attend, captured_ns

    def now(self) -> TimeEvidence:
        return self._recorder.now()

    def append(self, kind: Kind, data: Mapping[str, Any], evidence: TimeEvidence) -> Stored | None:
        Attend._answer(self._attend, Happening(_EVENTS[kind], Direction(data["direction"])), self._captured_ns)
        time.sleep(CARD_S)
        return self._recorder.append(kind, data, evidence)


def sabotage() -> None:
    """From now on every Attend of this process answers before it records."""
    punch = Attend._punch

    def cue_first(self: Any, who: Identified, captured_ns: int | None, *seen_and_button: Any) -> None:
        recorder = self._puncher._recorder
        self._puncher._recorder = _CueFirst(recorder, self, captured_ns)
        self._answer = lambda *_: None  # it was given already
        try:
            punch(self, who, captured_ns, *seen_and_button)
        finally:
            self._puncher._recorder = recorder
            del self._answer

    Attend._punch = cue_first  # type: ignore[method-assign]


if __name__ == "__main__":
    sabotage()
    sys.exit(main())
