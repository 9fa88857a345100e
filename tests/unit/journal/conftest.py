"""A terminal's journal on a temporary disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey, VerifyKey

from edge.crypto.dsse import key_id
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Draft, Origin
from edge.journal.journal import Journal
from tests.support.records import punch as make_punch


@pytest.fixture
def origin() -> Origin:
    return Origin("hq", "door-1")


@pytest.fixture
def identity() -> SigningKey:
    return SigningKey(bytes(range(32)))


@pytest.fixture
def keys(identity: SigningKey) -> dict[str, VerifyKey]:
    return {key_id(identity.verify_key): identity.verify_key}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def punch() -> Callable[..., Draft]:
    return make_punch


@pytest.fixture
def open_journal(journal: Path, origin: Origin, identity: SigningKey) -> Iterator[Callable[[], Journal]]:
    """Open the journal, as often as wanted; all are closed at the end."""
    opened: list[Journal] = []

    def make() -> Journal:
        opened.append(Journal(journal, origin, identity))
        return opened[-1]

    yield make
    for ring in opened:
        ring.close()


@pytest.fixture
def receipt_for() -> Callable[..., Receipt]:
    def make(ring: Journal, upto: int, head: str | None = None) -> Receipt:
        head = head or ring.hash_at(upto) or "0" * 64
        return Receipt(ring.origin, ring.epoch, upto, head, "2026-03-01T08:00:01Z")

    return make
