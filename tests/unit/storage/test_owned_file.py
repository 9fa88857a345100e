"""What root makes in the service's directory: the service's own, whole, and through no link that was put there."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.domain.recognition.calibration import Calibration
from edge.journal.disk_reserve import Reserve
from edge.people.roster.state import RosterState
from edge.storage import owned_file
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
    owned_file.replace(path, b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        owned_file.replace(path, b"x" * 100_000)
    assert path.read_bytes() == b"before"
    assert [one.name for one in state.iterdir()] == ["file"]


def test_a_large_file_is_written_whole(state: Path) -> None:
    owned_file.replace(state / "file", bytes(5_000_000))
    assert (state / "file").stat().st_size == 5_000_000
