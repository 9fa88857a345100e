"""The clock of the operating system, with its evidence."""

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path

from edge.adapters.linux.timezone import LocalZone
from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.instant import utc_text

_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), for the 64-bit Linux ABI (x86_64 and aarch64 agree)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time_sec", ctypes.c_long),
        ("time_usec", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


def kernel_synchronised() -> bool | None:
    """Whether the kernel's clock is being steered by a time service; None when it may not be asked.

    Reading needs no privilege. A seccomp filter can still refuse it (systemd's `ProtectClock=` does).
    """
    timex = _Timex(modes=0)
    state = int(_LIBC.adjtimex(ctypes.byref(timex)))
    if state < 0:
        return None
    return state != _TIME_ERROR and not int(timex.status) & _STA_UNSYNC


def kernel_worst_error_s() -> float | None:
    """The kernel's own bound of how far off its clock is, in seconds; None when it may not be asked."""
    timex = _Timex(modes=0)
    return None if int(_LIBC.adjtimex(ctypes.byref(timex))) < 0 else int(timex.maxerror) / 1e6


class SystemClock:
    """The Clock port on Linux.

    **Synchronised** means: the kernel's STA_UNSYNC flag is clear. Every time service clears it (timesyncd, chrony
    with `rtcsync`, ntpd), and the kernel sets it again by itself when nothing has steered the clock for some nine
    hours (maxerror grows by 500 ppm up to 16 s), so that it tells *is* and not *was*. Only where the kernel may not
    be asked does the file count that timesyncd leaves after its first contact.

    **Zone**: `edge.adapters.linux.timezone`. The offset comes from its rules, so the two never disagree. A system
    that names no zone that we have rules for is recorded as UTC with offset 0: still right, if unhelpful to read.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """`root` is where /etc, /proc and /run lie; tests use a directory of their own."""
        self._zone = LocalZone(root)
        self._timesyncd = root / "run/systemd/timesync/synchronized"
        self._boot_id = (root / "proc/sys/kernel/random/boot_id").read_text("ascii").strip()

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC."""
        return time.monotonic_ns()

    def evidence(self) -> TimeEvidence:
        """Everything that is known now; takes some tens of microseconds."""
        boottime_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        now = datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)
        name, zone = self._zone.now()
        offset = now.astimezone(zone).utcoffset() if zone is not None else None
        return TimeEvidence(
            utc=utc_text(now),
            offset_minutes=round(offset.total_seconds() / 60) if offset is not None else 0,
            zone=name,
            boot_id=self._boot_id,
            boottime_ms=boottime_ns // 1_000_000,
            synchronised=self._synchronised(),
        )

    def _synchronised(self) -> bool:
        answer = kernel_synchronised()
        return self._timesyncd.exists() if answer is None else answer
