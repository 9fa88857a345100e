"""A centre made by the command line, with three terminals that wrote into its ledger."""

from pathlib import Path

import pytest

from edge.central.store.records import Store
from edge.cli import main
from edge.domain.protocol.record import Origin
from tests.support.ledger_gate import HOUR, Gate, since_boot

WHY = ("--by", "Pat", "--why", "asked by letter")
AWAY = ("--port", "1", "--wait", "1s")
"""Where no broker listens."""


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    assert main(["central", "init", str(tmp_path), "--host", "localhost", "--site", "main"]) == 0
    assert main(["central", "authority", "init", str(tmp_path), "--by", "Pat"]) == 0
    return tmp_path


@pytest.fixture
def gates(centre: Path):
    with Store(centre / "ledger.db") as store:
        made = [Gate(store, Origin("main", f"gate-{number}"), number) for number in (1, 2, 3)]
        made[0].punch(since_boot(HOUR))
        yield made


def order(centre: Path, where: str, *words: str) -> int:
    return main(["central", "order", str(centre), where, *words, *WHY, *AWAY])
