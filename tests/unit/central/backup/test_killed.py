"""A SIGKILL or a full disk in the middle of a backup leaves the former file; in the middle of a restore, no
directory.
"""

import contextlib
import io
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import pytest

from edge.cli import main
from edge.storage import durable_file
from tests.support.forked import exit_code


def central(*words: object) -> int:
    return main(["central", *map(str, words)])


def die(*_words: object, **_more: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_backup(base: Path, file: Path, key: Path, moment: str) -> None:
    """Begins a backup in this process, and ends it at a moment."""
    if moment == "copying":
        shutil.copyfileobj = die
    elif moment == "writing":
        written = durable_file._Temporary.write
        calls = iter(range(100))

        def write(self: durable_file._Temporary, data: bytes) -> None:
            written(self, data)
            if next(calls) == 2:
                self.sync()
                die()

        durable_file._Temporary.write = write  # type: ignore[method-assign]
    else:
        durable_file._Temporary._rename = die  # type: ignore[method-assign]
    central("backup", base, file, "--key", key)


def killed_restore(file: Path, base: Path, key: Path, moment: str) -> None:
    """Begins a restore in this process, and ends it at a moment."""
    synced = os.fsync
    calls = iter(range(1_000))

    def fsync(descriptor: int) -> None:
        synced(descriptor)
        if next(calls) == int(moment):
            die()

    if moment == "naming":
        os.rename = die  # type: ignore[assignment]
    else:
        os.fsync = fsync  # type: ignore[assignment]
    central("restore", file, base, "--key", key)


def on_a_full_disk(limit: int, words: tuple[object, ...], code: int) -> None:
    """Gives a command in a process whose files cannot grow beyond `limit` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    with contextlib.redirect_stderr(io.StringIO()) as said:  # the real one may be a file
        ended = central(*words)
    sys.exit(0 if ended == code and said.getvalue().count("\n") == 1 else 1)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    made = tmp_path / "centre"
    assert central("init", made, "--host", "localhost", "--site", "main") == 0
    assert central("authority", "init", made, "--by", "Pat") == 0
    assert central("backup-key", tmp_path / "key") == 0
    (made / "long").write_bytes(bytes(500_000))
    assert central("backup", made, tmp_path / "centre.scb", "--key", tmp_path / "key") == 0
    return made


@pytest.mark.parametrize("moment", ["copying", "writing", "naming"])
def test_a_backup_that_is_killed_leaves_the_former_one(base: Path, tmp_path: Path, moment: str) -> None:
    file, key = tmp_path / "centre.scb", tmp_path / "key"
    before = file.read_bytes()
    assert exit_code(killed_backup, base, file, key, moment) == -signal.SIGKILL
    assert file.read_bytes() == before
    assert central("backup", base, file, "--key", key) == 0, "nothing that was left is in the way"
    assert not list(base.glob(".backup-*"))
    assert central("restore", file, tmp_path / "again", "--key", key) == 0


@pytest.mark.parametrize("moment", ["0", "5", "12", "naming"])
def test_a_restore_that_is_killed_leaves_no_directory(base: Path, tmp_path: Path, moment: str) -> None:
    file, key, again = tmp_path / "centre.scb", tmp_path / "key", tmp_path / "again"
    assert exit_code(killed_restore, file, again, key, moment) == -signal.SIGKILL
    assert not again.exists()
    assert central("restore", file, again, "--key", key) == 0
    assert not list(tmp_path.glob(".again*"))
    assert central("authority", "show", again) == 0


@pytest.mark.parametrize("limit", [0, 30_000, 520_000], ids=["at once", "at a database", "at the archive"])
def test_a_full_disk_leaves_the_former_backup(base: Path, tmp_path: Path, limit: int) -> None:
    file, key = tmp_path / "centre.scb", tmp_path / "key"
    before = file.read_bytes()
    words = ("backup", base, file, "--key", key)
    assert exit_code(on_a_full_disk, limit, words, 74) == 0
    assert file.read_bytes() == before
    assert not list(base.glob(".backup-*"))
    assert sorted(path.name for path in tmp_path.glob("*.scb*")) == ["centre.scb"]


@pytest.mark.parametrize("limit", [0, 30_000])
def test_a_full_disk_leaves_no_half_restored_directory(base: Path, tmp_path: Path, limit: int) -> None:
    words = ("restore", tmp_path / "centre.scb", tmp_path / "again", "--key", tmp_path / "key")
    assert exit_code(on_a_full_disk, limit, words, 74) == 0
    assert not list(tmp_path.glob("*again*"))
    assert not list(tmp_path.glob(".again*"))
