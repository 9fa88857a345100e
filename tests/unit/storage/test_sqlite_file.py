"""A file of an earlier version is brought to this one whole or not at all; a file of this one loads no library."""

import contextlib
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import JournalError
from edge.storage.sqlite_file import SqliteFile

FIRST = "CREATE TABLE kept (n INTEGER PRIMARY KEY) STRICT"
STEPS = (
    # a statement that holds semicolons, and a last one without
    """
    CREATE TRIGGER stays BEFORE DELETE ON kept BEGIN SELECT RAISE(ABORT, 'a; b'); END;
    ALTER TABLE kept ADD COLUMN more TEXT
    """,
    "CREATE INDEX by_more ON kept (more); UPDATE kept SET more = n",
)
NEW = SqliteFile(
    noun="note", application_id=0x4E4F5445, version=3, error=JournalError, mend="it is damaged", steps=STEPS
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of version 1 with one row."""
    path = tmp_path / "note.db"
    with contextlib.closing(replace(NEW, version=1).open(path, f"{FIRST};")) as db:
        db.execute("INSERT INTO kept VALUES (7)")
    return path


def seen(path: Path) -> tuple[int, list[str], list[tuple]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema ORDER BY name")]
        return version, names, db.execute("SELECT * FROM kept").fetchall()


BEFORE = (1, ["kept"], [(7,)])
AFTER = (3, ["by_more", "kept", "stays"], [(7, "7")])


def test_a_file_of_an_earlier_version_takes_the_steps_that_it_lacks(path: Path) -> None:
    replace(NEW, version=2, steps=STEPS[:1]).open(path, "").close()
    assert seen(path) == (2, ["kept", "stays"], [(7, None)])
    NEW.open(path, "").close()
    assert seen(path) == AFTER


def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    broken = replace(NEW, version=4, steps=(*STEPS, "CREATE TABLE kept (again)"))
    with pytest.raises(JournalError, match="already exists"):
        broken.open(path, "")
    assert seen(path) == BEFORE


def test_an_earlier_program_refuses_the_file_that_a_later_one_brought_forward(path: Path) -> None:
    NEW.open(path, "").close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="note of format 3, this program reads 1; install"):
        replace(NEW, version=1).open(path, "")
    assert path.read_bytes() == before


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from tests.unit.storage.test_sqlite_file import NEW

path, at, begun, connect = Path(sys.argv[1]), int(sys.argv[2]), 0, sqlite3.connect

def count(statement):
    global begun
    begun += 1
    if begun == at:
        os.kill(os.getpid(), signal.SIGKILL)

def traced(*words, **named):
    db = connect(*words, **named)
    db.set_trace_callback(count)
    return db

sqlite3.connect = traced
NEW.open(path, "").close()
"""


def test_a_kill_at_any_statement_of_a_migration_leaves_the_file_as_before_or_after(path: Path) -> None:
    original, states = path.read_bytes(), []
    for at in range(1, 100):
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        path.write_bytes(original)
        done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(at)], check=False)
        states.append(seen(path))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert states == [BEFORE] * (len(states) - 1) + [AFTER]
    assert len(states) > 10, "every statement of the migration was begun"


LOADED = """
import sys
from pathlib import Path
from tests.unit.storage.test_sqlite_file import FIRST, NEW

NEW.open(Path(sys.argv[1]), f"{FIRST};").close()
print(sorted({"sqlite_utils", "numpy"} & set(sys.modules)))
"""


def test_a_file_that_is_up_to_date_or_new_loads_no_library_for_it(path: Path) -> None:
    """`sqlite_utils` loads numpy, where that is installed: a start of the ledger would be slower by a third."""

    def loaded(which: Path) -> str:
        command = [sys.executable, "-c", LOADED, str(which)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert loaded(path.with_name("new.db")) == "[]"
    assert loaded(path) == "['numpy', 'sqlite_utils']"
    assert loaded(path) == "[]"
