"""Processes that append to one journal."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

import edge
from edge.crypto.dsse import key_id
from edge.crypto.key_files import create_identity
from edge.journal.verify import ChainReport, verify_file

ROOT = Path(edge.__file__).parents[1]
Start = Callable[[str, int], "subprocess.Popen[str]"]


@pytest.fixture
def identity(tmp_path: Path) -> SigningKey:
    return create_identity(tmp_path / "identity.pem")


@pytest.fixture
def start(tmp_path: Path, identity: SigningKey) -> Iterator[Start]:
    """Start a writer; it waits for a line before it opens the journal."""
    started: list[subprocess.Popen[str]] = []

    def run(name: str, count: int) -> "subprocess.Popen[str]":
        writer = Path(__file__).with_name("writer.py")
        process = subprocess.Popen(
            [sys.executable, writer, tmp_path, name, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def verify(tmp_path: Path, identity: SigningKey) -> Callable[[], ChainReport]:
    return lambda: verify_file(tmp_path / "journal.db", {key_id(identity.verify_key): identity.verify_key})
