"""Files are whole, durable, their directory's owner's, and written through no link that was put there."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.domain.recognition.calibration import Calibration
from edge.errors import KeyFileError, TransferError
from edge.journal.disk_reserve import Reserve
from edge.people.roster.state import RosterState
from edge.storage import durable_file
from edge.storage.durable_file import NewFile
from edge.terminal.attendance import site_threshold
from edge.terminal.subject_access import report

SERVICE = 12_345
ROOT = pytest.mark.parametrize("owner", [SERVICE] if os.geteuid() == 0 else [os.geteuid()])
"""Only root can give a file away; anybody else makes their own."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(state, SERVICE, SERVICE)
    return state


def calibrate(state: Path) -> Path:
    return site_threshold.write(state, "m", "2026-01-01T00:00:00Z", Calibration(0.01, 0.01), 0.001, {})


def hand_out(state: Path) -> Path:
    return report.keep(state / report.FOLDER, "o" * 26, "a" * 26, b"sealed")


def receive(state: Path) -> Path:
    RosterState(state / "roster.db").close()
    return state / "roster.db"


def reserve(state: Path) -> Path:
    Reserve(state / "journal.db", 8_000_000).fit()
    return state / "journal.reserve"


MAKERS = [calibrate, hand_out, receive, reserve]


@pytest.mark.parametrize("make", MAKERS)
@ROOT
def test_it_is_the_directory_owner_s_and_nobody_else_s(
    state: Path, make: Callable[[Path], Path], owner: int
) -> None:
    made = make(state)
    for path in {made, made.parent}:
        assert path.stat().st_uid == owner
        assert path.stat().st_mode & 0o077 == 0
    assert sorted(path.suffix for path in made.parent.iterdir() if path.suffix == ".part") == []


@pytest.mark.parametrize("name", [".calibration.json.new", "calibration.json.part", "calibration.json"])
def test_no_link_that_lies_there_is_followed(state: Path, tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("root's")
    precious.chmod(0o644)
    (state / name).symlink_to(precious)
    calibrate(state)
    assert precious.read_text() == "root's"
    assert stat.S_IMODE(precious.stat().st_mode) == 0o644
    assert precious.stat().st_uid == os.geteuid()
    assert not (state / "calibration.json").is_symlink()
    assert site_threshold.read(state) is not None


def test_a_folder_that_is_a_link_is_refused(state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (state / report.FOLDER).symlink_to(elsewhere)
    with pytest.raises(OSError, match="cannot be written"):
        hand_out(state)
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_place_of_an_answer_is_replaced(state: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("root's")
    name = f"{'a' * 26}-{'o' * 26}.sealed"
    (state / report.FOLDER).mkdir()
    for lying in (name, name + ".part"):
        (state / report.FOLDER / lying).symlink_to(precious)
    hand_out(state)
    assert precious.read_text() == "root's"


def test_a_disk_that_takes_a_part_leaves_what_was_there(state: Path, monkeypatch) -> None:
    path = state / "file"
    durable_file.replace(path, b"before", TransferError)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TransferError, match=r"file: .*No space.*; the disk is full; free some space"):
        durable_file.replace(path, b"x" * 100_000, TransferError)
    assert path.read_bytes() == b"before"
    assert [one.name for one in state.iterdir()] == ["file"]


def test_a_large_file_is_written_whole(state: Path) -> None:
    durable_file.replace(state / "file", bytes(5_000_000), TransferError)
    assert (state / "file").stat().st_size == 5_000_000


def new(path: Path, content: bytes) -> None:
    with NewFile(path, TransferError) as file:
        file.write(content)


def create(path: Path, content: bytes) -> None:
    durable_file.create(path, content, KeyFileError)


CREATORS = pytest.mark.parametrize("make", [create, new])


@CREATORS
@pytest.mark.parametrize("lying", ["file", "link", "link to nowhere", "folder"])
def test_a_name_that_is_taken_is_refused_and_left(state: Path, make: Callable, lying: str) -> None:
    path = state / "new"
    if lying == "file":
        path.write_bytes(b"theirs")
    elif lying == "folder":
        path.mkdir()
    else:
        path.symlink_to(state / "other")
        if lying == "link":
            (state / "other").write_bytes(b"theirs")
    before = {one.name: one.lstat() for one in state.iterdir()}
    with pytest.raises(OSError, match=r"new: exists already and is never overwritten; name another file"):
        make(path, b"ours")
    after = {one.name: one.lstat() for one in state.iterdir()}
    assert {name: (one.st_ino, one.st_size) for name, one in after.items()} == {
        name: (one.st_ino, one.st_size) for name, one in before.items()
    }


@CREATORS
@pytest.mark.parametrize("failing", [1, 2])
def test_what_cannot_be_synced_is_not_there(state: Path, monkeypatch, make: Callable, failing: int) -> None:
    """The first sync is the file's, the second its directory's."""
    calls = iter(range(1, 100))

    def fsync(descriptor: int) -> None:
        if next(calls) == failing:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="its disk failed or was removed"):
        make(state / "new", b"ours")
    assert list(state.iterdir()) == []


@CREATORS
def test_it_is_private_whatever_the_umask(state: Path, make: Callable) -> None:
    before = os.umask(0)
    try:
        make(state / "new", b"ours")
    finally:
        os.umask(before)
    assert stat.S_IMODE((state / "new").stat().st_mode) == 0o600


def test_a_file_for_everybody_is_one_whatever_the_umask(state: Path) -> None:
    before = os.umask(0o077)
    try:
        durable_file.replace(state / "file", b"public", KeyFileError, mode=0o644)
        durable_file.create(state / "new", b"public", KeyFileError, mode=0o644)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(one.stat().st_mode) for one in state.iterdir()} == {0o644}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing/file", "make its directory, correct the path"),
        ("plain/file", "a file or a link lies in place of its directory"),
        ("folder", "a directory has this name; move it away"),
        ("x" * 300, "the name is too long"),
    ],
)
def test_every_failure_names_its_cure(state: Path, path: str, says: str) -> None:
    (state / "plain").write_bytes(b"")
    (state / "folder").mkdir()
    with pytest.raises(TransferError, match=says):
        durable_file.replace(state / path, b"content", TransferError)
    assert sorted(one.name for one in state.iterdir()) == ["folder", "plain"]


def test_a_directory_of_somebody_else_is_said(as_nobody: None) -> None:
    with pytest.raises(KeyFileError, match="this user may not write there; make its directory writable"):
        durable_file.replace(Path("/usr/file"), b"", KeyFileError)


ON_A_DISK = """
import sys
from pathlib import Path
from edge.errors import TransferError
from edge.storage import durable_file
path = Path(sys.argv[1]) / "file"
durable_file.replace(path, b"before", TransferError)
for make in (durable_file.replace, durable_file.create):
    try:
        make(path if make is durable_file.replace else path.with_name("new"), bytes(500_000), TransferError)
    except TransferError as error:
        print(error)
print(path.read_bytes(), [one.name for one in path.parent.iterdir()])
"""


def test_a_really_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=128k none {tmp_path} && {sys.executable} -c '{ON_A_DISK}' {tmp_path}"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.stdout.splitlines() == [
        f"{tmp_path}/{name}: cannot be written (No space left on device); the disk is full; free some space on it, "
        "or use another one"
        for name in ("file", "new")
    ] + ["b'before' ['file']"], done.stderr
