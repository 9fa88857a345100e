"""What every integration test has: a broker of its own, and an installation around it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.broker.mosquitto import EmbeddedBroker
from edge.central.ledger import service
from tests.support.installation import Installation
from tests.support.neighbours import open_acl


@pytest.fixture(autouse=True)
def _long_time_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five seconds for the ledger's end are of a machine that does nothing else."""
    monkeypatch.setattr(service, "STOP_BOUND_S", 120.0)


@pytest.fixture
def broker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[EmbeddedBroker]:
    """A test that is parametrised over it, indirectly, says whether it keeps its state over a restart."""
    made = EmbeddedBroker(tmp_path / "broker", persistence=getattr(request, "param", True))
    made.directory.mkdir()
    made.acl.write_text(open_acl())
    with made as running:
        yield running


@pytest.fixture
def installation(tmp_path: Path, broker: EmbeddedBroker) -> Iterator[Installation]:
    installation = Installation(tmp_path, broker)
    yield installation
    installation.stop()


@pytest.fixture
def stranger_key() -> SigningKey:
    return SigningKey.generate()
