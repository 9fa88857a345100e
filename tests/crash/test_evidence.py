"""A deletion of evidence images killed before any statement: the next use of the store completes it."""

import os
import signal
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from edge.domain.time.evidence import TimeEvidence
from edge.evidence_images import sealed_image
from edge.evidence_images.store import opened
from edge.storage.sqlite_file import SqliteFile
from tests.support.clock import NOW
from tests.support.forked import exit_code
from tests.support.people import ANN, BOB

KEY = PrivateKey(bytes(range(32)))
STATEMENTS = 60
"""More than a deletion takes; the test fails if it is not."""


def put(path: Path, person: str, number: int, now: TimeEvidence = NOW) -> bytes:
    record = f"gate-1/{'e' * 32}/{number}"
    sealed = sealed_image.seal(record, person, now.utc, os.urandom(9_000), KEY.public_key)
    with opened(path, now, make=True) as store:
        assert store is not None
        assert store.keep(record, person, now, sealed, 1_000_000)
        store.copied(f"access/{person}-{number}.stills", person, [record])
    (path.parent / "access").mkdir(exist_ok=True)
    (path.parent / "access" / f"{person}-{number}.stills").write_bytes(sealed)
    return sealed


def act(path: Path, now: TimeEvidence, how: str) -> None:
    """Take pictures away: one person's, all, or those whose day has come."""
    with opened(path, now, make=True) as store:
        assert store is not None
        if how != "on its day":
            store.remove(None if how == "all" else ANN)


def die_at(statement: int, path: Path, now: TimeEvidence, how: str) -> None:
    """Do it, and die before the n-th statement."""
    left = [statement]

    def count(_sql: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connect = SqliteFile._connect

    def traced(self: SqliteFile, path: Path, mode: str, more: str = "") -> sqlite3.Connection:
        made = connect(self, path, mode, more)
        made.set_trace_callback(count)
        return made

    SqliteFile._connect = traced  # type: ignore[method-assign]
    act(path, now, how)
    os._exit(0)


def killed_at(statement: int, path: Path, now: TimeEvidence, how: str) -> bool:
    """Do it in a process that dies before its n-th statement; False when it came to its end."""
    code = exit_code(die_at, statement, path, now, how)
    assert code in {0, -signal.SIGKILL}
    return code != 0


@pytest.mark.parametrize("how", ["a person's", "all", "on its day"])
def test_killed_before_any_statement(tmp_path: Path, how: str) -> None:
    day = 24 * 3_600_000
    later = replace(NOW, boottime_ms=NOW.boottime_ms + day)
    now = replace(NOW, boottime_ms=NOW.boottime_ms + (90 * day if how == "on its day" else 2 * day))
    deaths = 0
    for statement in range(1, STATEMENTS):
        root = tmp_path / str(statement)
        root.mkdir()
        path = root / "evidence.db"
        hers, _ = put(path, ANN, 1), put(path, BOB, 2, later)

        content = b"".join(file.read_bytes() for file in root.rglob("*") if file.is_file())
        assert hers[100:200] in content, "the scan finds what is there"
        died = killed_at(statement, path, now, how)
        deaths += died
        act(path, now, how)
        content = b"".join(file.read_bytes() for file in root.rglob("*") if file.is_file())
        assert not any(hers[at : at + 64] in content for at in range(0, len(hers) - 64, 64)), statement
        with opened(path, now, make=True) as store:
            assert store is not None
            assert [one.person for one in store.stills()] == ([] if how == "all" else [BOB])
            copies = list(root.rglob("*.stills"))
            assert len(copies) == (0 if how == "all" else 1)
        if not died:
            break
    else:
        raise AssertionError("it took more statements than were tried")
    assert deaths > 8
