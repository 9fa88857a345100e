"""What failed after a good start, or was put there while it ran: said, gone on without, and taken up again."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge import config
from edge.adapters.linux import instance_lock
from edge.adapters.linux.instance_lock import RUN_LOCK, only_one
from edge.crypto.key_files import create_identity, public_pem
from edge.errors import AlreadyRuns
from edge.terminal.runtime.alarms import Alarm
from tests.support.failing_terminal import gate, live, uplink

__all__ = ["gate", "live"]  # the fixtures


def test_a_state_directory_that_is_linked_to_has_one_terminal_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    linked = tmp_path / "state"
    linked.symlink_to(tmp_path / "disk")
    one, same = linked / RUN_LOCK, tmp_path / "disk" / RUN_LOCK
    with only_one(one, "a terminal"), pytest.raises(AlreadyRuns), only_one(same, "a terminal"):
        pass
    with only_one(one, "a terminal"), pytest.raises(AlreadyRuns), only_one(one, "a terminal"):
        pass
    one.unlink()
    one.symlink_to(tmp_path / "elsewhere")
    with only_one(one, "a terminal"):
        assert not (tmp_path / "elsewhere").exists(), "no link in its own place is followed"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path.with_name("nowhere"))])
def test_whatever_lies_in_the_lock_s_place_there_is_one_terminal_at_a_time(
    gate, live, smartclocker, make: Callable[[Path], None]
) -> None:
    lock = Path(config.load(gate.path).config.storage.state) / RUN_LOCK
    make(lock)
    said = smartclocker("check", "--config", gate.path)
    assert said.returncode == 78
    assert f"{lock}: is not a file" in said.stdout
    with only_one(lock, "a terminal"):
        assert lock.is_file()
        assert len(list(lock.parent.glob("run.lock.*.was-there"))) == 1
        refused = smartclocker("run", "--config", gate.path)
        assert "a terminal runs on it already" in refused.stderr
        assert lock.is_file()
    assert "run.lock" not in smartclocker("check", "--config", gate.path).stdout


def test_of_two_that_see_the_same_folder_one_gets_the_lock(tmp_path: Path, monkeypatch) -> None:
    lock, seen = tmp_path / RUN_LOCK, threading.Barrier(2, timeout=60)
    lock.mkdir()
    genuine, held = instance_lock.is_strange, []

    def strange(path: Path) -> bool:
        answer = genuine(path)
        if answer and not any(threading.current_thread() is one for one in asked):
            asked.append(threading.current_thread())
            seen.wait()  # both have seen the folder before either moves it
        return answer

    def start() -> None:
        with contextlib.suppress(AlreadyRuns), only_one(lock, "a terminal"):
            held.append(threading.current_thread())
            done.wait(60)

    asked: list[threading.Thread] = []
    done = threading.Event()
    monkeypatch.setattr(instance_lock, "is_strange", strange)
    both = [threading.Thread(target=start) for _ in range(2)]
    for one in both:
        one.start()
    deadline = time.monotonic() + 60
    while sum(one.is_alive() for one in both) > 1 and len(held) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    done.set()
    for one in both:
        one.join(60)
    assert len(held) == 1


def test_a_folder_that_another_start_moves_just_then_costs_nobody_the_lock(tmp_path: Path, monkeypatch) -> None:
    lock, look = tmp_path / RUN_LOCK, Path.lstat
    lock.mkdir()

    def moved(path: Path) -> os.stat_result:
        if path == lock and lock.is_dir():
            lock.rename(tmp_path / "run.lock.was-there")
        return look(path)

    monkeypatch.setattr(Path, "lstat", moved)
    with only_one(lock, "a terminal"), pytest.raises(AlreadyRuns), only_one(lock, "a terminal"):
        pass


def test_a_lock_that_cannot_be_had_is_said(tmp_path: Path, caplog) -> None:
    with only_one(tmp_path / "nowhere" / RUN_LOCK, "a terminal"):
        pass
    assert "cannot be locked (No such file or directory)" in caplog.text


def test_an_evidence_key_that_goes_away_or_is_replaced(gate, live, smartclocker) -> None:
    key = gate.directory / "evidence.pem"
    assert smartclocker("central", "evidence", "key", gate.directory / "evidence").returncode == 0
    gate.write(f'[evidence]\nkey = "{key}"')
    life = live(gate)
    life.punches()
    assert Alarm.EVIDENCE_FAILING not in life.alarms
    stills = life.terminal.image_capture
    first = bytes(stills._taking.key)
    key.unlink()
    life.wait(lambda: Alarm.EVIDENCE_FAILING in life.alarms, "the alarm")
    assert stills._taking is None, "no image is taken without its key"
    (gate.directory / "evidence").unlink()
    assert smartclocker("central", "evidence", "key", gate.directory / "evidence").returncode == 0
    life.wait(lambda: Alarm.EVIDENCE_FAILING not in life.alarms, "it is read again")
    assert bytes(stills._taking.key) != first


@pytest.mark.parametrize("name", ["ledger", "authority"])
def test_a_pinned_key_that_goes_away_or_is_replaced(gate, live, name: str, caplog) -> None:
    uplink(gate)
    path = gate.directory / f"{name}.pem"
    life = live(gate)
    life.punches()
    life.wait(lambda: life.terminal.centre.publisher is not None, "it has begun")
    first = life.terminal.centre.publisher
    path.write_text(public_pem(create_identity(gate.directory / "another.key").verify_key))
    life.wait(lambda: life.terminal.centre.publisher not in {first, None}, "it begins anew, with the other key")
    kept = path.read_text()
    path.unlink()
    life.wait(lambda: Alarm.KEYS_UNUSABLE in life.alarms, "the alarm")
    path.write_text(kept)
    life.wait(lambda: Alarm.KEYS_UNUSABLE not in life.alarms, "it is read again")
    life.punches()


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def half(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
@pytest.mark.parametrize("harm", [fifo, half], ids=["a FIFO", "half of it"])
def test_a_file_of_the_connection_that_was_exchanged(gate, live, which: str, harm: Callable[[Path], None]) -> None:
    path = getattr(uplink(gate), which)
    kept = path.read_bytes()
    harm(path)
    life = live(gate)
    life.punches()
    life.wait(lambda: Alarm.UPLINK_FILES in life.alarms, "the alarm")
    path.unlink()
    path.write_bytes(kept)
    path.chmod(0o600)
    life.wait(lambda: Alarm.UPLINK_FILES not in life.alarms, "it is read again")


def test_a_fifo_that_was_made_anew(gate, live) -> None:
    life = live(gate)
    life.punches()
    reader = gate.directory / "reader"
    reader.unlink()
    life.wait(lambda: Alarm.READER_AWAY in life.alarms, "the alarm")
    os.mkfifo(reader)
    life.wait(lambda: Alarm.READER_AWAY not in life.alarms, "it is opened again")
    life.punches()
    reader.unlink()
    reader.touch()
    life.wait(lambda: life.terminal._reader.failing is False, "a file in its place")
    life.punches()
