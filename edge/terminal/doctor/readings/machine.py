"""Readings of the machine: temperature, voltage, memory limit, swap, core dumps, the unit and the program."""

import platform
import re

from edge import __version__
from edge.domain.doctor import AS_ROOT, DoctorFinding, ItemUnseen
from edge.terminal.doctor import judge_machine
from edge.terminal.doctor.judge_machine import SwapArea
from edge.terminal.doctor.readings.sources import Sources, text_of

_COLDEST, _HOTTEST = -50_000, 150_000
"""Thousandths of a degree; a sensor that tells more is broken."""
_FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
_THROTTLED = re.compile(r"(?:throttled=)?(?:0x)?([0-9a-f]{1,8})")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_CORE = re.compile(r"^Max core file size +(\S+)", re.MULTILINE)


def software(sources: Sources) -> DoctorFinding:
    """The version that is installed, and the one that runs."""
    try:
        running = (sources.status or {}).get("version")
    except ItemUnseen:
        running = None
    told = running if isinstance(running, str) else None
    return judge_machine.software(__version__, platform.python_version(), told)


def unit(sources: Sources) -> DoctorFinding:
    """The state of smartclocker.service."""
    return judge_machine.unit(sources.unit)


def temperature(sources: Sources) -> DoctorFinding:
    """The hottest sensor of the kernel's thermal zones."""
    zones = (sources.root / "sys/class/thermal").glob("thermal_zone*/temp")
    texts = [text for text in map(text_of, zones) if text is not None and _NUMBER.fullmatch(text)]
    degrees = [int(text) / 1000 for text in texts if _COLDEST < int(text) < _HOTTEST]
    return judge_machine.temperature(max(degrees, default=None))


def voltage(sources: Sources) -> DoctorFinding:
    """The firmware's `get_throttled`: from /sys, or by vcgencmd."""
    said = text_of(sources.root / _FIRMWARE) or sources.run(("vcgencmd", "get_throttled"))
    if said is None:
        return judge_machine.voltage(None)
    found = _THROTTLED.fullmatch(said.strip().lower())
    if found is None:
        raise ItemUnseen("the firmware's answer is no number", "update the firmware: `sudo apt full-upgrade`")
    return judge_machine.voltage(int(found[1], 16))


def memory_limit(sources: Sources) -> DoctorFinding:
    """Whether the kernel can limit a unit's memory."""
    return judge_machine.memory_limit(sources.controllers)


def swap(sources: Sources) -> DoctorFinding:
    """The rows of /proc/swaps."""
    said = text_of(sources.root / "proc/swaps")
    if said is None:
        raise ItemUnseen("/proc/swaps cannot be read", "`swapon --show` shows the same")
    rows = [line.split() for line in said.splitlines()[1:]]
    areas = [SwapArea(row[0], int(row[2])) for row in rows if len(row) > 2 and _NUMBER.fullmatch(row[2])]
    try:
        held = (sources.unit or {}).get("MemorySwapMax") == "0"
    except ItemUnseen:
        held = False
    return judge_machine.swap(areas, limited=held and "memory" in (sources.controllers or ()))


def core_dumps(sources: Sources) -> DoctorFinding:
    """The limit for core files of the running service's process."""
    pid = (sources.unit or {}).get("MainPID", "0")
    if not pid.isdecimal() or pid == "0":
        return judge_machine.core_dumps(None)
    found = _CORE.search(text_of(sources.root / "proc" / pid / "limits") or "")
    if found is None:
        raise ItemUnseen(f"the limits of process {pid} cannot be read", AS_ROOT)
    return judge_machine.core_dumps(found[1])
