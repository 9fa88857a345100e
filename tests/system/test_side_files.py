"""Rubbish in every file beside the journal and the people: a badge is a punch all the same, and it is said."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge import config
from edge.central.authority.register import OrderRegister
from tests.support.failing_terminal import gate, live, uplink

__all__ = ["gate", "live"]  # the fixtures
BESIDE = (
    "roster.db",
    "evidence.db",
    "site.db",
    "site.db-wal",
    "site.db.damaged",
    "scores.json",
    "calibration.json",
    "last-seen-journal.json",
    "roster.db-wal",
    "roster.db-shm",
    "roster.db.damaged",
    "access",
    "quarantine",
)


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE people (id)")


RUBBISH = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"\xff\x00rubbish\n" * 999),
    "another database": foreign,
    "the authority's log": lambda path: OrderRegister(path).close(),
    "a folder": Path.mkdir,
    "a FIFO": os.mkfifo,
    "a link to nowhere": lambda path: path.symlink_to(path.with_name("nowhere")),
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_whatever_lies_beside_them_punching_goes_on(gate, live, kind: str, smartclocker, caplog) -> None:
    uplink(gate)
    state = Path(config.load(gate.path).config.storage.state)
    for name in BESIDE:
        path = state / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        RUBBISH[kind](path)
    done = smartclocker("check", "--config", gate.path)
    assert "Traceback" not in done.stderr + done.stdout
    assert "roster.db" in done.stdout
    life = live(gate)
    life.punches()
    said = "the roster cannot be taken in" if kind == "a folder" else "The damaged file was set aside"
    life.wait(lambda: said in caplog.text, "the alarm")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_whatever_lies_under_the_names_beside_a_database_punching_goes_on(gate, live, make) -> None:
    uplink(gate)
    state = Path(config.load(gate.path).config.storage.state)
    for name in ("people.db", "roster.db", "site.db", "journal.db", "evidence.db"):
        for end in ("-wal", "-shm", "-journal"):
            path = state / (name + end)
            path.unlink(missing_ok=True)
            make(path)
    life = live(gate)
    life.punches()
    assert "roster-unusable" not in life.alarms
    assert len(list(state.glob("*-wal.*.was-there"))) >= 3
