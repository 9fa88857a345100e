"""The clock's evidence, sd_notify over a real datagram socket, and the limits of the process."""

import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.adapters.linux import clock as system
from edge.adapters.linux import process_hardening
from edge.adapters.linux.clock import SystemClock
from edge.adapters.linux.sd_notify import SilentNotifier, SystemdNotifier, notifier_from

BOOT_ID = "0d3b1d5e-4a3c-4a53-9c1c-4b6f0d9a7c11"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A system of our own: a boot id, no zone, no time service."""
    monkeypatch.delenv("TZ", raising=False)
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text(BOOT_ID + "\n")
    (tmp_path / "etc").mkdir()
    return tmp_path


@pytest.fixture
def listener(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(60)
        yield server


def link_zone(root, name):
    link = root / "etc/localtime"
    link.unlink(missing_ok=True)
    link.symlink_to(f"/usr/share/zoneinfo/{name}")


def test_evidence_is_of_now(root):
    before, boot_before = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    evidence = SystemClock(root).evidence()
    after, boot_after = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", evidence.utc)
    told = datetime.fromisoformat(evidence.utc).timestamp()
    assert before - 0.001 <= told <= after
    assert boot_before * 1000 - 1 <= evidence.boottime_ms <= boot_after * 1000
    assert evidence.boot_id == BOOT_ID


def test_monotonic_goes_forward(root):
    clock = SystemClock(root)
    before = time.monotonic_ns()
    first = clock.monotonic_ns()
    assert before <= first <= time.monotonic_ns()
    assert clock.monotonic_ns() >= first


def test_milliseconds_are_cut_not_rounded_up_into_the_next_second(root, monkeypatch):
    monkeypatch.setattr(system.time, "time_ns", lambda: 1_700_000_000_999_999_999)
    assert SystemClock(root).evidence().utc == "2023-11-14T22:13:20.999Z"


@pytest.mark.parametrize(
    ("when", "offset"),
    [(datetime(2024, 1, 15, tzinfo=UTC), 345), (datetime(2024, 7, 15, tzinfo=UTC), 345)],
)
def test_an_offset_that_is_not_whole_hours(root, monkeypatch, when, offset):
    link_zone(root, "Asia/Kathmandu")
    monkeypatch.setattr(system.time, "time_ns", lambda: int(when.timestamp()) * 10**9)
    evidence = SystemClock(root).evidence()
    assert (evidence.zone, evidence.offset_minutes) == ("Asia/Kathmandu", offset)


@pytest.mark.parametrize(("month", "offset"), [(1, 0), (7, 60)])
def test_summer_time_moves_the_offset_and_not_the_zone(root, monkeypatch, month, offset):
    link_zone(root, "Europe/London")
    moment = int(datetime(2024, month, 15, tzinfo=UTC).timestamp()) * 10**9
    monkeypatch.setattr(system.time, "time_ns", lambda: moment)
    evidence = SystemClock(root).evidence()
    assert (evidence.zone, evidence.offset_minutes) == ("Europe/London", offset)


def test_the_zone_may_change_while_we_run(root):
    clock = SystemClock(root)
    link_zone(root, "Asia/Tokyo")
    assert (clock.evidence().zone, clock.evidence().offset_minutes) == ("Asia/Tokyo", 540)
    link_zone(root, "America/Phoenix")
    assert (clock.evidence().zone, clock.evidence().offset_minutes) == ("America/Phoenix", -420)


def test_tz_wins_over_the_link_and_the_link_over_the_file(root, monkeypatch):
    (root / "etc/timezone").write_text("Asia/Tokyo\n")
    clock = SystemClock(root)
    assert clock.evidence().zone == "Asia/Tokyo"
    link_zone(root, "America/Phoenix")
    assert clock.evidence().zone == "America/Phoenix"
    monkeypatch.setenv("TZ", ":Asia/Kathmandu")
    assert clock.evidence().zone == "Asia/Kathmandu"


def rules_of(name):
    return Path("/usr/share/zoneinfo", name).read_bytes()


@pytest.mark.parametrize(("named", "said"), [("Asia/Tokyo", "Asia/Tokyo"), ("Etc/UTC", "unknown"), ("", "unknown")])
def test_rules_that_were_copied_count_and_have_the_name_that_fits_them_or_none(root, named, said):
    (root / "etc/localtime").write_bytes(rules_of("Asia/Tokyo"))
    if named:
        (root / "etc/timezone").write_text(named + "\n")
    clock = SystemClock(root)
    assert (clock.evidence().zone, clock.evidence().offset_minutes) == (said, 540)
    (root / "etc/localtime").write_bytes(rules_of("America/Phoenix"))
    assert (clock.evidence().zone, clock.evidence().offset_minutes) == ("unknown", -420)


def test_a_link_over_which_other_rules_were_mounted_is_no_name(root):
    """As a container is given its host's: the link says Etc/UTC, and behind it are other rules."""
    link_zone(root, "Etc/UTC")
    clock = SystemClock(root)
    assert (clock.evidence().zone, clock.evidence().offset_minutes) == ("Etc/UTC", 0)
    behind = root / "usr/share/zoneinfo/Etc/U T C"
    behind.parent.mkdir(parents=True)
    behind.write_bytes(rules_of("Asia/Tokyo"))
    (root / "etc/localtime").unlink()
    (root / "etc/localtime").symlink_to(behind)
    (root / "proc/self").mkdir()
    mounted = f"36 35 98:0 / {str(behind).replace(' ', chr(92) + '040')} rw,noatime - ext4 /dev/root rw\nrubbish\n"
    (root / "proc/self/mountinfo").write_text(mounted)
    assert (clock.evidence().zone, clock.evidence().offset_minutes) == ("unknown", 540)


@pytest.mark.parametrize("harm", ["a folder", "a loop", "away"])
def test_no_zone_file_whatever_it_is_keeps_a_punch(root, harm):
    path = root / "etc/localtime"
    if harm == "a folder":
        path.mkdir()
        (root / "etc/timezone").mkdir()
    elif harm == "a loop":
        path.symlink_to(path)
    else:
        (root / "etc").rename(root / "not")
        (root / "etc").touch()
    assert (SystemClock(root).evidence().zone, SystemClock(root).evidence().offset_minutes) == ("UTC", 0)


@pytest.mark.parametrize("name", ["Nowhere/Atlantis", "../../etc/passwd", "/etc/passwd", "CET-1CEST", "\ud800", ""])
def test_a_zone_without_rules_is_passed_over(root, monkeypatch, name):
    if name != "\ud800":  # the environment can hold it only through surrogateescape
        monkeypatch.setenv("TZ", name)
    (root / "etc/timezone").write_bytes(b"\xff\xfe not a zone")
    (root / "etc/localtime").write_bytes(b"TZif2: a copy, not a link")
    evidence = SystemClock(root).evidence()
    assert (evidence.zone, evidence.offset_minutes) == ("UTC", 0)


def test_synchronised_is_what_the_kernel_says(root, monkeypatch):
    (root / "run/systemd/timesync").mkdir(parents=True)
    (root / "run/systemd/timesync/synchronized").touch()
    clock = SystemClock(root)
    for answer in (True, False):
        monkeypatch.setattr(system, "kernel_synchronised", lambda answer=answer: answer)
        assert clock.evidence().synchronised is answer


def test_the_file_of_timesyncd_counts_only_when_the_kernel_may_not_be_asked(root, monkeypatch):
    monkeypatch.setattr(system, "kernel_synchronised", lambda: None)
    clock = SystemClock(root)
    assert clock.evidence().synchronised is False
    (root / "run/systemd/timesync").mkdir(parents=True)
    (root / "run/systemd/timesync/synchronized").touch()
    assert clock.evidence().synchronised is True


class FakeLibc:
    def __init__(self, state, status):
        self.state, self.status = state, status

    def adjtimex(self, pointer):
        timex = pointer._obj
        assert timex.modes == 0, "we only read"
        timex.status = self.status
        return self.state


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        (0, 0x2001, True),
        (0, 0x0041, False),
        (5, 0x0001, False),
        (5, 0x0040, False),
        (1, 0x0011, True),
        (-1, 0, None),
    ],
)
def test_reading_adjtimex(monkeypatch, state, status, expected):
    monkeypatch.setattr(system, "_LIBC", FakeLibc(state, status))
    assert system.kernel_synchronised() is expected


def test_the_structure_is_the_kernels(root):
    """208 bytes on every 64-bit Linux; the kernel fills in the tick of about 10,000 µs and the current second."""
    timex = system._Timex(modes=0)
    assert system.ctypes.sizeof(timex) == 208
    before = int(time.time())
    if system._LIBC.adjtimex(system.ctypes.byref(timex)) >= 0:
        assert 9_000 <= timex.tick <= 11_000
        assert before <= timex.time_sec <= time.time()


def test_a_machine_without_proc_is_said_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="boot_id"):
        SystemClock(tmp_path)


def test_messages_reach_a_real_socket(listener):
    notifier = notifier_from({"NOTIFY_SOCKET": listener.getsockname(), "WATCHDOG_USEC": "10000000"})
    notifier.ready("3 people\nREADY=0")
    notifier.slow(1_800)
    notifier.watchdog()
    notifier.stopping()
    assert listener.recv(4096) == b"READY=1\nSTATUS=3 people READY=0"
    assert listener.recv(4096) == b"EXTEND_TIMEOUT_USEC=1800000000"
    assert listener.recv(4096) == b"WATCHDOG=1"
    assert listener.recv(4096) == b"STOPPING=1"
    assert notifier.watchdog_s == 10.0
    notifier.close()
    notifier.close()


def test_an_abstract_socket():
    name = f"smartclocker-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + name)
        server.settimeout(60)
        notifier = SystemdNotifier("@" + name, None)
        notifier.watchdog()
        assert server.recv(64) == b"WATCHDOG=1"
        notifier.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_a_manager_nothing_is_sent_nor_said(environment, caplog):
    notifier = notifier_from({"WATCHDOG_USEC": "5", **environment})
    assert isinstance(notifier, SilentNotifier)
    assert notifier.watchdog_s is None
    notifier.ready("x")
    notifier.watchdog()
    notifier.stopping()
    assert not caplog.records


@pytest.mark.parametrize("address", ["relative/path", "vsock:2:1234", "@", "/"])
def test_an_address_that_we_cannot_use_is_said(address, caplog):
    assert isinstance(notifier_from({"NOTIFY_SOCKET": address}), SilentNotifier)
    assert "NOTIFY_SOCKET" in caplog.text


@pytest.mark.parametrize(
    ("usec", "watchdog_pid", "expected"),
    [
        ("2500000", None, 2.5),
        ("2500000", "42", 2.5),
        ("2500000", "43", None),
        (None, "42", None),
        ("0", None, None),
        ("-5", None, None),
        ("ten", None, None),
        ("٣", None, None),
    ],
)
def test_the_watchdog_limit_is_ours_only_when_it_names_us(listener, usec, watchdog_pid, expected):
    environment = {"NOTIFY_SOCKET": listener.getsockname()}
    if usec is not None:
        environment["WATCHDOG_USEC"] = usec
    if watchdog_pid is not None:
        environment["WATCHDOG_PID"] = watchdog_pid
    notifier = notifier_from(environment, pid=42)
    assert notifier.watchdog_s == expected
    notifier.close()


def test_a_manager_that_went_away_is_said_once_and_found_again(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    path = str(tmp_path / "notify")
    notifier = SystemdNotifier(path, None)
    notifier.watchdog()
    notifier.watchdog()
    assert len(caplog.records) == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(60)
        notifier.watchdog()
        assert server.recv(64) == b"WATCHDOG=1"
    notifier.watchdog()
    assert len(caplog.records) == 2, "a second outage is a second message"
    notifier.close()


def test_a_hardened_process_cannot_be_dumped(tmp_path):
    code = """
import ctypes, json, os, resource, sys
from edge.adapters.linux.process_hardening import harden_process
harden_process()
open(sys.argv[1], "w").close()
print(json.dumps({
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),  # PR_GET_DUMPABLE
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "mode": oct(os.stat(sys.argv[1]).st_mode & 0o777),
}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "new"], capture_output=True, text=True, check=True, timeout=600
    )
    assert json.loads(done.stdout) == {"dumpable": 0, "core": [0, 0], "mode": "0o600"}


def test_a_refusing_kernel_is_an_error(monkeypatch):
    class Refusing:
        def prctl(self, *_):
            process_hardening.ctypes.set_errno(1)
            return -1

    monkeypatch.setattr(process_hardening, "_LIBC", Refusing())
    monkeypatch.setattr(process_hardening.resource, "setrlimit", lambda *_: None)
    mask = os.umask(0o022)
    try:
        with pytest.raises(OSError, match="PR_SET_DUMPABLE"):
            process_hardening.harden_process()
    finally:
        os.umask(mask)


def test_large_buffers_go_back_to_the_system():
    """A freed buffer must not raise the size from which the next ones are given back; left alone, it does."""
    code = """
import ctypes, sys
from edge.adapters.linux.process_hardening import give_back_large_buffers
class Info(ctypes.Structure):
    _fields_ = [(n, ctypes.c_size_t) for n in "arena ordblks smblks hblks hblkhd usmblks fsmblks u f keep".split()]
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
if sys.argv[1] == "fixed":
    give_back_large_buffers()
del (first := [bytearray(8 << 20)])[:]
before = libc.mallinfo2().hblks
second = bytearray(4 << 20)
print(libc.mallinfo2().hblks - before)
"""
    said = [
        subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=True).stdout.strip()
        for how in ("fixed", "left alone")
    ]
    assert said == ["1", "0"]
