"""The centre and its terminals by command lines alone."""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge.domain.protocol.record import Record, decode


def run(*words: object, code: int = 0, typed: str | None = None) -> str:
    command = [sys.executable, "-m", "edge", *map(str, words)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    directory = tmp_path / "centre"
    run("central", "init", directory, "--host", "127.0.0.1", "--site", "main")
    return directory


def records(journal: Path) -> list[Record]:
    if not journal.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        try:
            return [decode(payload) for (payload,) in db.execute("SELECT payload FROM records ORDER BY seq")]
        except sqlite3.OperationalError:  # not made yet
            return []


def punchers(journal: Path) -> set[str]:
    return {one.data["person"] for one in records(journal) if one.kind == "punch"}


def kinds(journal: Path, person: str) -> list[str]:
    return [one.kind for one in records(journal) if one.data.get("person") == person]
