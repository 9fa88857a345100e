"""All that the attending thread writes into the journal, punches too: in order of time, durable or not at all.

A disk that cannot be written is expected on a wall: the terminal shows it with its lights, and goes on when the
disk is mended. A damaged journal is not expected: it ends the process, and the next start sets it aside.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.domain.attendance.punch_direction import (
    DirectionPolicy,
    LastPunch,
    Repetition,
    Unpressed,
    direction_of,
    last_of,
)
from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time import clock_steps
from edge.domain.time.evidence import TimeEvidence
from edge.domain.vocabulary import Activity, Band, Button, Direction, Method
from edge.errors import JournalAltered, JournalDamaged, JournalError
from edge.journal.diagnosis import mark_suspect
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal, Stored
from edge.ports import Clock
from edge.terminal.site.knowledge import SiteKnowledge

_log = logging.getLogger(__name__)
OWED_MOST = 64
"""Records that wait for a disk that cannot be written: the boot, and what the tamper switch said."""


class Recorder:
    """Appends records to the journal; one thread uses it."""

    def __init__(self, journal: Journal, reserve: Reserve, clock: Clock, appended: Callable[[], None]) -> None:
        """`appended` is called after each record, so that the uplink need not poll."""
        self.writable = True
        """False from the first record that could not be stored until `mended`."""
        self._journal, self._reserve, self._clock, self._appended = journal, reserve, clock, appended
        self._last_time = journal.last_time()
        self._owed: list[tuple[Kind, Mapping[str, Any]]] = []

    def now(self) -> TimeEvidence:
        """The time with its evidence. If somebody set the wall clock since the last call, a record says so
        first.
        """
        evidence = self._clock.evidence()
        before, self._last_time = self._last_time, evidence
        step = None if before is None else clock_steps.observe(before, evidence)
        if step is not None:
            _log.warning("the wall clock moved by %d ms (synchronised: %s)", step["step_ms"], evidence.synchronised)
            if self.append(Kind.CLOCK_STEP, step, evidence) is None:
                self._last_time = before  # the next call sees the step again, and records it then
        return evidence

    def append(self, kind: Kind, data: Mapping[str, Any], evidence: TimeEvidence) -> Stored | None:
        """Append a record, durable on return; None when the disk cannot be written, and then nothing was stored.

        Raises JournalDamaged, after which the next start checks the whole file.
        """
        draft = Draft(kind, data, evidence)
        try:
            stored = self._reserve.lend(lambda: self._journal.append(draft))
        except (JournalDamaged, JournalAltered):
            mark_suspect(self._journal.path)
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
        """Append a record now or, if the disk cannot be written, later, with the time of the later moment.

        Of records that are owed, OWED_MOST wait; more are lost, and the log says so.
        """
        if len(self._owed) >= OWED_MOST:
            _log.error("the disk cannot be written for long: a record of the kind %s is lost", kind)
            return
        self._owed.append((kind, data))
        self._settle()

    def mended(self) -> bool:
        """Whether the disk takes records again, which is tested by writing."""
        try:
            self._journal.probe()
        except JournalError:
            return False
        self.writable = True
        self._settle()
        return self.writable

    def _settle(self) -> None:
        """Append what is owed, in its order, until one cannot be appended."""
        while self._owed:
            kind, data = self._owed[0]
            if self.append(kind, data, self.now()) is None:
                return
            del self._owed[0]


@dataclass(frozen=True, slots=True)
class Identified:
    """A known person, how they were identified, and how good the sight of them was."""

    person: str
    method: Method
    quality: Band = Band.NONE
    liveness: Band = Band.NONE
    models: tuple[str, ...] = ()
    sure: bool = False
    """Whether it is so sure that a coming model may learn from it."""
    prove: bool = False
    """Whether the person must turn their head before this counts."""


@dataclass(frozen=True, slots=True)
class Punched:
    """A punch, or a repetition of one, that is on the disk."""

    kind: Kind
    """PUNCH or SUPPRESSED."""
    direction: Direction
    stored: Stored | None
    """None for a further repetition of a punch, because the record of the first repetition is enough."""
    activity: Activity | None = None
    last: LastPunch | None = None
    """The punch before it, on which its direction rests."""
    made: TimeEvidence | None = None


class Puncher:
    """Makes a durable record for an identified person. Punches are made nowhere else.

    It belongs to the attending thread, like the journal.
    """

    def __init__(
        self, journal: Journal, recorder: Recorder, policy: DirectionPolicy, site: SiteKnowledge | None = None
    ) -> None:
        """`site` is what is known of the site's other terminals; None for a terminal that stands alone."""
        self._journal, self._recorder, self._policy, self._site = journal, recorder, policy, site
        self._repeated: dict[str, str | None] = {}
        """For each person, the id of the punch whose repetition was recorded last."""

    def punch(self, who: Identified, pressed: Button | None = None) -> Punched | Unpressed | None:
        """Record a punch or its repetition, durable on return; None when the disk cannot be written.

        Unpressed, and nothing is recorded, where the person must press a button first. Raises JournalDamaged.
        """
        evidence = self._recorder.now()
        last = self._last_of(who.person)
        found = direction_of(last, evidence, self._policy, pressed)
        if isinstance(found, Unpressed):
            return found
        data: dict[str, object] = {
            "person": who.person,
            "direction": str(found.direction),
            "direction_source": str(found.source),
            "method": str(who.method),
            "quality": str(who.quality),
            "liveness": str(who.liveness),
            "models": list(who.models),
            "follows": found.follows,
        }
        if found.activity is not None:
            data["activity"] = str(found.activity)
        if self._site is not None and self._site.unheard:
            data["site_unheard"] = True
        kind = Kind.PUNCH
        if isinstance(found, Repetition):
            if self._repeated.get(who.person) == found.follows:
                return Punched(Kind.SUPPRESSED, found.direction, None, found.activity)
            kind = Kind.SUPPRESSED
            data["duplicate_of"] = found.duplicate_of
        elif found.assumed:
            data["direction_assumed"] = True
        stored = self._recorder.append(kind, data, evidence)
        if stored is None:
            return None
        if isinstance(found, Repetition):
            self._repeated[who.person] = found.follows
        return Punched(kind, found.direction, stored, found.activity, last, evidence)

    def _last_of(self, person: str) -> LastPunch | None:
        if self._site is None:
            return last_of(self._journal.recent(person))
        return self._site.last_of(person, self._journal)
