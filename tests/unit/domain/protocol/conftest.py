"""Records of every kind that this version writes."""

from typing import Any

import pytest

from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from tests.support.records import punch_data

TIME = TimeEvidence(
    "2026-03-01T08:00:00.000Z", 60, "Europe/Madrid", "5d1e6a2c-9f3b-4c7d-8e21-aa0b1c2d3e4f", 1234, True
)
PUNCH = punch_data(liveness="none")
DATA: dict[Kind, dict[str, Any]] = {
    Kind.PUNCH: PUNCH,
    Kind.SUPPRESSED: {**PUNCH, "duplicate_of": 3},
    Kind.ENROLLED: {"person": "b" * 26, "models": ["mobilefacenet-1"], "templates": 3},
    Kind.CONSENT: {"person": "b" * 26, "state": "given", "policy_version": "2026-1", "policy_sha256": "c" * 64},
    Kind.BOOT: {"version": "0.1.0", "models": []},
}


@pytest.fixture
def time() -> TimeEvidence:
    return TIME


@pytest.fixture
def origin() -> Origin:
    return Origin("hq", "door-1")


@pytest.fixture(params=list(DATA), ids=str)
def draft(request: pytest.FixtureRequest) -> Draft:
    return Draft(request.param, DATA[request.param], TIME)


@pytest.fixture
def punch() -> Draft:
    return Draft(Kind.PUNCH, PUNCH, TIME)
