"""The punch record of tests."""

from typing import Any

from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from tests.support.clock import NOW
from tests.support.people import ANN


def punch_data(person: str = ANN, direction: str = "in", **changes: Any) -> dict[str, Any]:
    """What a punch record says, with some of its fields changed or added."""
    return {
        "person": person,
        "direction": direction,
        "direction_source": "alternated",
        "method": "face",
        "quality": "high",
        "liveness": "high",
        "models": ["mobilefacenet-1"],
        **changes,
    }


def punch(person: str = ANN, direction: str = "in", *, at: TimeEvidence = NOW, **changes: Any) -> Draft:
    """A punch that a journal takes."""
    return Draft(Kind.PUNCH, punch_data(person, direction, **changes), at)
