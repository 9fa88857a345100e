"""Judgements on the machine: values in, finding out. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from edge.domain.doctor import DoctorFinding, DoctorVerdict, Measured, absent, ok
from edge.domain.plural import counted

WARM_C, HOT_C = 75.0, 85.0
"""A Raspberry Pi lowers its clock from 80 °C on, and a processor is damaged not far above 85 °C."""
FAR_S = 1.0
"""So far off a clock may be. A second matters to nobody's hours, but it shows that something is wrong."""
_UNDER_VOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = 1, 2, 4, 8
"""Bits of the firmware's answer, about now; the same bits 16 places higher are about the time since the start."""
_SINCE = 16
_ENABLE = "`sudo systemctl enable --now smartclocker`"
_LOG = "`journalctl -u smartclocker -n 50` says why"
_CONFIGURATION = "78"


def temperature(hottest_c: float | None) -> DoctorFinding:
    """`hottest_c` is the hottest sensor in degrees Celsius; None where there is none."""
    if hottest_c is None:
        return absent("temperature", "this machine has no sensor that tells its temperature")
    said, measured = f"{hottest_c:.0f} °C", {"hottest_c": round(hottest_c, 1)}
    if hottest_c < WARM_C:
        return ok("temperature", said, measured)
    verdict = DoctorVerdict.FAIL if hottest_c >= HOT_C else DoctorVerdict.WARN
    mend = "give the box air: a heat sink, a fan, a place out of the sun"
    return DoctorFinding(
        "temperature", verdict, f"{said}, and from 80 °C on the processor slows down", mend, measured
    )


def voltage(bits: int | None) -> DoctorFinding:
    """`bits` is the firmware's `get_throttled`; None on a machine that has none."""
    if bits is None:
        return absent("voltage", "this machine does not tell of under-voltage")
    measured: Measured = {"throttled": hex(bits)}
    mend = "use the power supply that was made for this board, and a short, thick cable; unplug what draws current"
    if bits & _UNDER_VOLTAGE:
        return DoctorFinding("voltage", DoctorVerdict.FAIL, "the supply voltage is too low now", mend, measured)
    if bits >> _SINCE & _UNDER_VOLTAGE:
        said = "the supply voltage was too low since the last start"
        return DoctorFinding("voltage", DoctorVerdict.WARN, said, mend, measured)
    if (bits | bits >> _SINCE) & (_CAPPED | _THROTTLED | _SOFT_LIMIT):
        said = "the processor was slowed down since the last start, because of heat"
        mend = "give the box air: a heat sink, a fan, a place out of the sun"
        return DoctorFinding("voltage", DoctorVerdict.WARN, said, mend, measured)
    return ok("voltage", "the supply voltage was never too low since the last start", measured)


def memory_limit(controllers: Collection[str] | None) -> DoctorFinding:
    """`controllers` are those of the control groups; None where there are no control groups of version 2."""
    if controllers is None:
        return absent("memory-limit", "no control groups of version 2 here, so that no unit's memory is limited")
    if "memory" in controllers:
        return ok("memory-limit", "the kernel can hold the service to MemoryMax and MemorySwapMax")
    return DoctorFinding(
        "memory-limit",
        DoctorVerdict.WARN,
        "the kernel has no memory controller: MemoryMax and MemorySwapMax of the unit say nothing, and faces in "
        "memory may be written to swap",
        "add `cgroup_enable=memory` to the one line of /boot/firmware/cmdline.txt, and restart the machine",
    )


@dataclass(frozen=True, slots=True)
class SwapArea:
    """One row of /proc/swaps."""

    name: str
    kilobytes: int

    @property
    def in_memory(self) -> bool:
        """Whether it is compressed memory, which no power cut leaves behind."""
        return "zram" in self.name


def swap(areas: Sequence[SwapArea], *, limited: bool) -> DoctorFinding:
    """`limited` is whether the unit is kept out of swap by the kernel's memory controller."""
    on_disk = [area for area in areas if not area.in_memory]
    measured: Measured = {"swap_mb": sum(area.kilobytes for area in on_disk) // 1024}
    if not on_disk:
        return ok("swap", "no swap on a disk", measured)
    said = f"{measured['swap_mb']} MB of swap on a disk ({', '.join(area.name for area in on_disk)})"
    if limited:
        return ok("swap", f"{said}; the unit may not use it (MemorySwapMax=0)", measured)
    mend = "`sudo systemctl disable --now dphys-swapfile`, or `sudo swapoff -a` and remove it from /etc/fstab"
    return DoctorFinding(
        "swap", DoctorVerdict.WARN, f"{said}: faces in memory may be written there", mend, measured
    )


def core_dumps(limit: str | None) -> DoctorFinding:
    """`limit` is the running service's own limit for core files, as the kernel writes it; None when none runs."""
    if limit is None:
        return absent("core-dumps", "no service runs here whose limit could be looked at")
    if limit == "0":
        return ok("core-dumps", "the running service leaves no core dump")
    return DoctorFinding(
        "core-dumps",
        DoctorVerdict.FAIL,
        f"the running service may leave a core dump of {limit} bytes, with keys and a face in it",
        "start it by its unit: `sudo systemctl restart smartclocker`",
    )


def unit(state: Mapping[str, str] | None) -> DoctorFinding:
    """`state` are properties of the unit as `systemctl show` names them; None where systemd does not run."""
    if state is None:
        return absent("unit", "systemd does not run here")
    measured: Measured = {"state": state.get("ActiveState", ""), "restarts": _number(state.get("NRestarts", ""))}
    verdict, said, mend = _not_running(state) or _running(state)
    return DoctorFinding("unit", verdict, said, mend, measured)


def _not_running(state: Mapping[str, str]) -> tuple[DoctorVerdict, str, str] | None:
    active, loaded = state.get("ActiveState", ""), state.get("LoadState")
    if loaded == "masked":
        return DoctorVerdict.WARN, "the unit smartclocker.service is masked", "`sudo systemctl unmask smartclocker`"
    if loaded == "not-found":
        said = "the unit smartclocker.service is not installed"
        return DoctorVerdict.WARN, said, "`sudo provisioning/install.sh`"
    if active == "failed" or state.get("SubState") == "auto-restart":
        code = state.get("ExecMainStatus", "") or "?"
        said = f"the service {'failed' if active == 'failed' else 'ends again and again'}, exit code {code}"
        return DoctorVerdict.FAIL, said, "`sudo smartclocker check`" if code == _CONFIGURATION else _LOG
    if active == "activating":
        return DoctorVerdict.WARN, "the service starts", "wait a minute, then look again"
    if active != "active":
        return DoctorVerdict.FAIL, f"the service does not run ({active or 'unknown'})", _ENABLE
    return None


def _running(state: Mapping[str, str]) -> tuple[DoctorVerdict, str, str]:
    if state.get("UnitFileState") not in {"enabled", "enabled-runtime", "static", "generated"}:
        return DoctorVerdict.WARN, "the service runs, and does not start by itself with the machine", _ENABLE
    restarts = _number(state.get("NRestarts", ""))
    if restarts:
        return DoctorVerdict.WARN, f"the service runs, and was started again {counted(restarts, 'time')}", _LOG
    return DoctorVerdict.OK, "the service runs, and was not started again", ""


def software(version: str, python: str, running: str | None) -> DoctorFinding:
    """`version` is the installed program's, `running` the running service's; None when none answers."""
    measured: Measured = {"version": version, "python": python, "running": running}
    if running is None or running == version:
        return ok("software", f"version {version}, Python {python}", measured)
    said = f"version {version} is installed, and {running} still runs"
    return DoctorFinding("software", DoctorVerdict.WARN, said, "`sudo systemctl restart smartclocker`", measured)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What is known of the clock."""

    synchronised: bool | None
    """None when the kernel may not be asked."""
    worst_error_s: float | None = None
    """The kernel's own bound of how far off the clock is."""
    source: str | None = None
    """The time server, as the time service names it."""
    offset_s: float | None = None
    """How far off the clock was at the last measurement."""


def clock(reading: ClockReading) -> DoctorFinding:
    """How the clock is."""
    measured: Measured = {
        "synchronised": reading.synchronised,
        "source": reading.source,
        "offset_s": reading.offset_s,
        "worst_error_s": reading.worst_error_s,
    }
    allow = (
        "let UDP 123 out, or name a time server in /etc/systemd/timesyncd.conf; then `timedatectl timesync-status`"
    )
    if reading.synchronised is None:
        said = "whether the clock follows a time server is not known: the kernel does not tell"
        return DoctorFinding("clock", DoctorVerdict.WARN, said, "`timedatectl` shows it", measured)
    if not reading.synchronised:
        said = "the clock follows no time server; punches are made and say so"
        return DoctorFinding("clock", DoctorVerdict.WARN, said, allow, measured)
    said = f"the clock follows {reading.source or 'a time server'}"
    if reading.offset_s is not None:
        said += f", {abs(reading.offset_s) * 1000:.1f} ms off"
    elif reading.worst_error_s is not None:
        said += f", at most {reading.worst_error_s:.2g} s off"
    if reading.offset_s is not None and abs(reading.offset_s) > FAR_S:
        return DoctorFinding(
            "clock", DoctorVerdict.WARN, said, "wait until it was set; look again in an hour", measured
        )
    return ok("clock", said, measured)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() else 0
