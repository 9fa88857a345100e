"""An empty ledger that knows one terminal."""

from pathlib import Path

import pytest

from edge.central.ledger.intake import Ledger
from edge.central.store.records import Store
from tests.support.intake import GATE, LEDGER, TERMINAL


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "ledger.db") as opened:
        opened.register(GATE, TERMINAL.verify_key)
        yield opened


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, LEDGER)
