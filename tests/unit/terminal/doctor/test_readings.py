"""The doctor's readings on trees of files: a Raspberry Pi, an odd machine, and one that tells nothing."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from edge.domain.doctor import DoctorFinding, DoctorVerdict
from edge.terminal.doctor import catalogue
from edge.terminal.doctor.catalogue import look_at
from edge.terminal.doctor.items import ITEMS
from edge.terminal.doctor.readings import sources as sources_of
from edge.terminal.doctor.readings.sources import Sources, output_of, text_of

OK, WARN, FAIL, NOT_HERE = DoctorVerdict
Look = Callable[..., DoctorFinding]
PI = {
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/class/thermal/thermal_zone1/temp": "51000\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50000\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "proc/swaps": "Filename Type Size Used Priority\n/var/swap file 524284 0 -2\n",
    "proc/4711/limits": "Limit  Soft Limit  Hard Limit  Units\nMax core file size        0    unlimited  bytes\n",
    "run/systemd/system/x": "",
}
SHOWN = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNRestarts=0\nMainPID=4711\nMemorySwapMax=0\n"


def tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


@pytest.fixture
def look(site, tmp_path: Path) -> Look:
    """Look at an item on a machine with these files, whose programs answer so."""

    def at(item: str, files: Mapping[str, str | bytes] = PI, **programs: str) -> DoctorFinding:
        root = tree(tmp_path / f"root-{len(list(tmp_path.iterdir()))}", files)
        return look_at(item, Sources(site.config, root, lambda words: programs.get(words[0])))

    return at


def test_a_raspberry_pi_in_order(look) -> None:
    assert look("temperature").measured == {"hottest_c": 51.0}
    assert look("voltage").verdict is WARN, "once since the start"
    assert look("memory-limit").verdict is OK
    assert look("swap", systemctl=SHOWN).verdict is OK
    assert look("core-dumps", systemctl=SHOWN).verdict is OK
    assert look("unit", systemctl=SHOWN).verdict is OK


def test_under_voltage_is_read_from_the_file_or_the_program(look) -> None:
    assert look("voltage").measured == {"throttled": "0x50000"}
    assert look("voltage", {}, vcgencmd="throttled=0x50005\n").verdict is FAIL
    assert look("voltage", {}, vcgencmd="throttled=0x0\n").verdict is OK
    assert look("voltage", {}).verdict is NOT_HERE
    odd = look("voltage", {}, vcgencmd="VCHI initialization failed\n")
    assert (odd.verdict, odd.said) == (WARN, "could not be looked at: the firmware's answer is no number")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"warm", b"9" * 4000, b"-999999", b"0x30", b"\x00" * 70_000]
)
def test_a_sensor_that_tells_no_temperature_is_none(look, content: bytes) -> None:
    assert look("temperature", {"sys/class/thermal/thermal_zone0/temp": content}).verdict is NOT_HERE
    both = {"sys/class/thermal/thermal_zone0/temp": content, "sys/class/thermal/thermal_zone1/temp": "88000"}
    assert look("temperature", both).verdict is FAIL, "the other one still counts"


def test_folders_and_pipes_in_the_place_of_files_of_sys(look, tmp_path: Path, site) -> None:
    root = tmp_path / "odd"
    for name in ("sys/class/thermal/thermal_zone0/temp", "sys/fs/cgroup/cgroup.controllers", "proc/swaps"):
        (root / name).mkdir(parents=True)
    os.mkfifo(root / "sys/class/thermal/thermal_zone0/pipe")
    sources = Sources(site.config, root, lambda words: None)
    assert text_of(root / "sys/class/thermal/thermal_zone0/pipe") == "", "nobody writes to it, and nobody waits"
    assert look_at("temperature", sources).verdict is NOT_HERE
    assert look_at("memory-limit", sources).verdict is NOT_HERE
    assert look_at("swap", sources).said == "could not be looked at: /proc/swaps cannot be read"


def test_swap_that_the_unit_may_use(look) -> None:
    without = PI | {"sys/fs/cgroup/cgroup.controllers": "cpu io pids"}
    assert look("swap", without, systemctl=SHOWN).verdict is WARN, "MemorySwapMax says nothing there"
    assert look("swap", PI, systemctl="ActiveState=active\n").verdict is WARN
    assert look("swap", PI).verdict is WARN, "systemctl does not answer"
    assert look("swap", PI | {"proc/swaps": "Filename\nodd row\n\x00\n"}).verdict is OK


def test_a_machine_without_systemd_and_one_whose_systemd_does_not_answer(look) -> None:
    assert look("unit", {}).verdict is NOT_HERE
    assert look("core-dumps", {}).verdict is NOT_HERE
    found = look("unit", PI)
    assert (found.verdict, found.said) == (WARN, "could not be looked at: systemctl gives no answer")
    assert look("core-dumps", PI | {"proc/4711/limits": "odd"}, systemctl=SHOWN).verdict is WARN


CHRONY = "C0A80001,ntp.lan,3,1700000000.1,-0.000523,0.0,0.0,-1.2,0.0,0.03,0.01,0.001,64.0,Normal\n"
TIMESYNCD = "       Server: 192.168.0.1 (ntp.lan)\nPoll interval: 32s\n       Offset: +12.5ms\n        Delay: 1ms\n"


@pytest.mark.parametrize(
    ("programs", "source", "offset"),
    [
        ({"chronyc": CHRONY, "timedatectl": TIMESYNCD}, "ntp.lan", -0.000523),
        ({"timedatectl": TIMESYNCD}, "192.168.0.1 (ntp.lan)", 0.0125),
        ({"chronyc": "7F7F0101,,0,x,nan\n"}, None, None),
        ({"chronyc": "a,ntp.lan,1,2,inf"}, "ntp.lan", None),
        ({"timedatectl": "Server: n/a\n Offset: .....us\n"}, "n/a", None),
        ({}, None, None),
    ],
)
def test_the_time_server_and_how_far_off(site, programs, source, offset) -> None:
    sources = Sources(
        site.config, run=lambda words: programs.get(words[0]), synchronised=lambda: True, worst_error_s=lambda: 0.5
    )
    measured = look_at("clock", sources).measured
    assert (measured["source"], measured["offset_s"]) == (source, pytest.approx(offset) if offset else None)


def test_the_kernel_says_how_far_off_at_most() -> None:
    from edge.adapters.linux.clock import kernel_worst_error_s

    assert kernel_worst_error_s() is None or kernel_worst_error_s() >= 0


def block(root: Path, **files: str) -> Path:
    disk = root / "sys/devices/platform/emmc/block/mmcblk0"
    tree(disk, {"mmcblk0p2/partition": "2", **{f"device/{name}": content for name, content in files.items()}})
    links = root / "sys/dev/block"
    links.mkdir(parents=True)
    (links / "179:2").symlink_to(disk / "mmcblk0p2")
    return root


@pytest.mark.parametrize(
    ("files", "verdict", "said"),
    [
        ({"type": "MMC", "life_time": "0x01 0x02\n", "pre_eol_info": "0x01\n"}, OK, "the eMMC: 10 to 20 %"),
        ({"type": "MMC", "life_time": "0x0b 0x01\n", "pre_eol_info": "0x03\n"}, FAIL, "all of its expected life"),
        ({"type": "MMC", "life_time": "0x00 0x00\n", "pre_eol_info": "0x00"}, NOT_HERE, "the eMMC does not tell"),
        ({"type": "MMC", "life_time": "worn\n"}, NOT_HERE, "the eMMC does not tell"),
        ({"type": "SD"}, NOT_HERE, "the SD card does not tell"),
        ({}, NOT_HERE, "the disk does not tell"),
    ],
)
def test_wear_is_that_of_the_disk_under_the_state_directory(site, tmp_path, files, verdict, said) -> None:
    root = block(tmp_path / "root", **files)
    found = look_at("wear", Sources(site.config, root, device=lambda path: (179, 2)))
    assert (found.verdict, said in found.said) == (verdict, True), found


def test_a_disk_of_no_block_device_has_no_wear(site, tmp_path) -> None:
    assert look_at("wear", Sources(site.config, tmp_path, device=lambda path: (0, 42))).verdict is NOT_HERE


def test_the_file_system_is_that_of_the_nearest_mount(site, tmp_path) -> None:
    state = site.directory / "state"
    rows = f"/dev/a / ext4 rw 0 0\n/dev/b {site.directory} xfs rw 0 0\n/dev/c {site.directory}x vfat rw 0 0\nodd\n"
    root = tree(tmp_path / "root", {"proc/self/mounts": rows})
    assert look_at("disk", Sources(site.config, root)).measured["file_system"] == "xfs"
    spaced = f"/dev/a / ext4 rw 0 0\n/dev/b {str(state).replace('t', chr(92) + '164')} btrfs rw 0 0\n"
    root = tree(tmp_path / "other", {"proc/self/mounts": spaced})
    assert look_at("disk", Sources(site.config, root)).measured["file_system"] == "btrfs"


@pytest.mark.parametrize(
    ("item", "alarm"), [("readers", "reader-away"), ("lights", "signals-failing"), ("buttons", "button-stuck")]
)
def test_an_alarm_of_the_running_service_is_a_failing_part(site, item: str, alarm: str) -> None:
    for name in ("reader", "buttons"):
        os.mkfifo(site.directory / name)
    more = '[reader]\nkind = "script"\nscript = "reader"\n[buttons]\nkind = "script"\nscript = "buttons"\n'
    site.config.write_text(site.config.read_text() + more)
    for standing, verdicts in (([], {OK, WARN}), ([alarm, 3, None], {FAIL}), ("odd", {OK, WARN})):
        sources = Sources(site.config)
        vars(sources)["_status"] = {"alarms": standing}
        found = look_at(item, sources)
        assert found.verdict in verdicts, found
        assert (alarm in found.said) == (found.verdict is FAIL)


def test_the_flush_leaves_nothing(site) -> None:
    found = look_at("flush", Sources(site.config))
    assert found.measured["flush_ms"] > 0
    assert list((site.directory / "state").iterdir()) == []


def test_no_program_of_the_caller_s_path_is_run(tmp_path, monkeypatch) -> None:
    fake = tmp_path / "uname"
    fake.write_text("#!/bin/sh\necho fake\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert output_of(("uname",)) == "Linux\n"
    assert output_of(("no-such-program-here",)) is None
    assert output_of(("false",)) is None


def test_a_program_that_hangs_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(sources_of, "_PROGRAM_S", 0.2)
    assert output_of(("sleep", "60")) is None


def test_every_item_has_a_reading_and_no_other() -> None:
    assert [item.name for item in ITEMS] == list(catalogue.READINGS)


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("secret"), OSError(5, "Input/output error"), RuntimeError(), PermissionError(13, "No")],
)
def test_an_item_that_breaks_says_so_and_quotes_nothing(site, monkeypatch, error) -> None:
    def breaks(_sources: Sources) -> DoctorFinding:
        raise error

    monkeypatch.setitem(catalogue.READINGS, "wear", breaks)
    found = look_at("wear", Sources(site.config))
    assert found.verdict is WARN
    assert found.said.startswith("could not be looked at: ")
    assert "secret" not in found.said
