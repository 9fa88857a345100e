"""Several connections of one process keep their locks: another process that ends takes nothing from under them.

POSIX drops all locks of a process on a file when any descriptor of it is closed. Without the lock that a connection
in WAL mode holds, the other process believes to be the last, and removes the write-ahead file that we write to.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.store.records import Store
from edge.crypto.key_files import create_identity
from edge.domain.protocol.record import Draft, Origin
from edge.journal.journal import Journal
from edge.people.people_store import People

ROOT = Path(__file__).resolve().parents[3]
DOOR = Origin("hq", "door-1")


def locks_on(path: Path) -> list[str]:
    inode = f":{path.stat().st_ino} "
    return [line for line in Path("/proc/locks").read_text().splitlines() if inode in line and "READ" in line]


def run_apart(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=600)


def test_a_second_ring_of_a_process_leaves_the_first_its_lock(tmp_path: Path, punch: Callable[[], Draft]) -> None:
    path, key = tmp_path / "journal.db", create_identity(tmp_path / "identity")
    with Journal(path, DOOR, key) as first:
        first.append(punch())
        assert locks_on(path)
        with Journal(path, DOOR, key):
            assert locks_on(path)
        assert locks_on(path)


def test_what_is_appended_after_another_process_ended_is_seen_by_the_next(
    tmp_path: Path, punch: Callable[[], Draft]
) -> None:
    path, key = tmp_path / "journal.db", create_identity(tmp_path / "identity")
    look = f"""
from pathlib import Path
from edge.domain.protocol.record import Origin
from edge.crypto.key_files import load_identity
from edge.journal.journal import Journal
key = load_identity(Path({str(tmp_path / "identity")!r}))
with Journal(Path({str(path)!r}), Origin("hq", "door-1"), key) as ring:
    assert ring.head().seq == SEEN, ring.head().seq
"""
    with Journal(path, DOOR, key) as first, Journal(path, DOOR, key):  # as the terminal's two threads have them
        first.append(punch())
        run_apart(look.replace("SEEN", "1"))
        first.append(punch())
        run_apart(look.replace("SEEN", "2"))
        assert path.with_name("journal.db-wal").exists()
    with Journal(path, DOOR, key) as ring:
        assert ring.head().seq == 2


@pytest.mark.parametrize("kind", ["ledger", "people"])
def test_the_other_files_keep_theirs_as_well(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.db"

    def opened() -> Store | People:
        return Store(path) if kind == "ledger" else People(path, bytes(32))

    with opened() as first:
        if isinstance(first, Store):
            first.register(DOOR, SigningKey.generate().verify_key)
        assert locks_on(path)
        with opened():
            assert locks_on(path)
        assert locks_on(path)
