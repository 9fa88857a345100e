"""`smartclocker check` in this process, and the files that a first start leaves."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cli import main
from edge.crypto import key_files
from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.terminal import adapters


@pytest.fixture
def check(capsys) -> Callable[..., list[str]]:
    """The problems that it finds, in this process; the exit code says whether there are any."""

    def run(config: Path, *, notes: bool = False) -> list[str]:
        code = main(["check", "--config", str(config), "--json"])
        shown = capsys.readouterr()
        assert code in {0, 78}, shown.err
        said = json.loads(shown.out)
        assert code == (78 if said["problems"] else 0)
        return said["notes"] if notes else said["problems"]

    return run


def begun(site) -> None:
    """A journal and people, as a first start leaves them."""
    identity = key_files.load_identity(site.directory / "identity")
    with Journal(site.journal, Origin("demo", "entrance-1"), identity) as journal:
        journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, adapters.clock().evidence()))
    People(site.directory / "state/people.db", key_files.load_secret(site.directory / "storage")).close()
