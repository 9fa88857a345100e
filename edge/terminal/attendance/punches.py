"""From somebody who is known to a durable record: the one place where punches are made."""

from dataclasses import dataclass

from edge.domain.attendance.punch_direction import DirectionPolicy, NewPunch, decide, last_of
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import Band, Direction, Method
from edge.journal.journal import Journal, Stored
from edge.terminal.attendance.punch_recorder import Recorder


@dataclass(frozen=True, slots=True)
class Identified:
    """Who it is, how that was found, and how good what was seen is."""

    person: str
    method: Method
    quality: Band = Band.NONE
    liveness: Band = Band.NONE
    models: tuple[str, ...] = ()
    sure: bool = False
    """So surely that a coming model may learn from it."""
    prove: bool = False
    """They must turn their head as well before it counts."""


@dataclass(frozen=True, slots=True)
class Punched:
    """A punch, or its duplicate, that is on the disk."""

    kind: Kind
    """PUNCH or SUPPRESSED."""
    direction: Direction
    stored: Stored | None
    """None for a further repetition of a punch: the first one is evidence enough."""


class Puncher:
    """Belongs to the attending thread, as the ring does."""

    def __init__(self, ring: Journal, recorder: Recorder, policy: DirectionPolicy) -> None:
        self._ring, self._recorder, self._policy = ring, recorder, policy
        self._repeated: dict[str, int] = {}
        """Whose punch was repeated last, by its seq."""

    def punch(self, who: Identified) -> Punched | None:
        """Durable when it returns one; None when the disk takes nothing. Raises JournalDamaged."""
        evidence = self._recorder.now()
        found = decide(last_of(self._ring.recent(who.person)), evidence, self._policy)
        data: dict[str, object] = {
            "person": who.person,
            "direction": str(found.direction),
            "direction_source": str(found.source),
            "method": str(who.method),
            "quality": str(who.quality),
            "liveness": str(who.liveness),
            "models": list(who.models),
        }
        kind = Kind.PUNCH
        if not isinstance(found, NewPunch):
            if self._repeated.get(who.person) == found.duplicate_of:
                return Punched(Kind.SUPPRESSED, found.direction, None)
            kind = Kind.SUPPRESSED
            data["duplicate_of"] = found.duplicate_of
        elif found.assumed:
            data["direction_assumed"] = True
        stored = self._recorder.append(kind, data, evidence)
        if stored is None:
            return None
        if not isinstance(found, NewPunch):
            self._repeated[who.person] = found.duplicate_of
        return Punched(kind, found.direction, stored)
