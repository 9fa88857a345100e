"""`--json` prints what its help promises: one object, or one array where the verb lists."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.central.store.records import Store
from edge.cli import build_parser, main
from edge.domain.protocol.record import Origin
from edge.resources import photos_directory
from edge.sandbox import write_terminal
from tests.support.ledger_gate import HOUR, Gate, since_boot

ARRAYS = {
    "central gaps", "central order", "central orders", "central resend", "central rights list",
    "central roster list", "central terminals", "central punches", "people list",
}  # fmt: skip


def promised(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, str]]:
    """Every verb that takes `--json`, and what its help says of it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from promised(sub, f"{path} {name}".strip())
        elif "--json" in action.option_strings and action.nargs == 0:
            yield path, str(action.help)


PROMISED = dict(promised(build_parser()))


def test_each_promises_an_object_or_an_array() -> None:
    assert {verb for verb, said in PROMISED.items() if "one JSON array" in said} == ARRAYS
    assert all("one JSON object" in said for verb, said in PROMISED.items() if verb not in ARRAYS)


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    base = tmp_path / "centre"
    assert main(["central", "init", str(base), "--host", "localhost", "--site", "main"]) == 0
    assert main(["central", "authority", "init", str(base)]) == 0
    with Store(base / "ledger.db") as store:
        gate = Gate(store, Origin("main", "gate-1"), 1)
        gate.punch(since_boot(HOUR))
    return base


@pytest.mark.parametrize(
    "verb",
    [
        "gaps",
        "orders",
        "punches",
        "rights list",
        "rights policy",
        "terminals",
        "verify",
        "audit",
        "resend",
        "import",
    ],
)
def test_of_the_centre_it_is_what_is_printed(centre: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    rest = {"resend": ["main/gate-1", "--port", "1"], "import": [str(centre / "none.scx")]}.get(verb, [])
    capsys.readouterr()
    main(["central", *verb.split(), str(centre), *rest, "--json"])
    assert_as_promised(f"central {verb}", capsys.readouterr().out)


@pytest.mark.parametrize("verb", ["people list", "people roster", "config show", "evidence list", "check"])
def test_of_a_terminal_it_is_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    config = write_terminal(tmp_path / "terminal", photos_directory())
    assert main(["people", "add", "Ann", "--age-13-or-older", "--config", str(config)]) == 0
    capsys.readouterr()
    main([*verb.split(), "--config", str(config), "--json"])
    assert_as_promised(verb, capsys.readouterr().out)


def assert_as_promised(verb: str, printed: str) -> None:
    assert isinstance(json.loads(printed), list if "one JSON array" in PROMISED[verb] else dict)
