"""Readings of the disk under the state directory: its file system and space, a measured flush, its wear."""

import os
import re
import secrets
import statistics
import time
from pathlib import Path

from edge.adapters.linux.service_account import acting_as
from edge.domain.doctor import AS_ROOT, DoctorFinding, DoctorVerdict, ItemUnseen, of_problems
from edge.terminal.checks import state as state_checks
from edge.terminal.doctor import judge_parts
from edge.terminal.doctor.judge_parts import DiskReading
from edge.terminal.doctor.readings.sources import Sources, text_of

FLUSHES = 9
_BLOCK = bytes(4096)
_OCTAL = re.compile(r"\\([0-7]{3})")
_HEX = re.compile(r"0x([0-9a-fA-F]{1,2})")
_MB = 1_000_000


def disk(sources: Sources) -> DoctorFinding:
    """Space, file system and mount of the state directory."""
    state = sources.state
    try:
        found = os.statvfs(state)
    except OSError as error:
        cure = "make it as `smartclocker check` says, or mount its disk"
        line = f"{state} cannot be used ({error.strerror}); {cure}"
        return of_problems("disk", [line], DoctorFinding("disk", DoctorVerdict.OK, ""))
    reading = DiskReading(
        _kind(sources, state),
        found.f_bavail * found.f_frsize // _MB,
        found.f_blocks * found.f_frsize // _MB,
        bool(found.f_flag & os.ST_RDONLY),
    )
    fine = judge_parts.disk(reading)
    if reading.read_only:
        return fine
    volatile = sources.config.storage.volatile
    notes = ["storage.volatile is set, and a power cut may take every punch; remove it on a real disk"] * volatile
    if not _may_look(sources):
        return judge_parts.disk(
            reading, [*notes, f"whether the journal has its space, root alone can see; {AS_ROOT}"]
        )
    with acting_as(sources.account):
        problems = list(state_checks.directory(state, sources.account, volatile=volatile))
        problems = problems or list(state_checks.disk(sources.config, state))
    return of_problems("disk", problems, judge_parts.disk(reading, notes))


def flush(sources: Sources) -> DoctorFinding:
    """Write a small file in the state directory and flush it, some times. It has no name by then."""
    sources.only_for_the_service()
    state = sources.state
    try:
        with acting_as(sources.account):
            times_ms = measured_ms(state)
    except OSError as error:
        cure = "free some space on its disk, or replace the disk; `dmesg` shows what the kernel says of it"
        line = f"{state}: a small file cannot be written and flushed ({error.strerror}); {cure}"
        return of_problems("flush", [line], judge_parts.flush(0.0, 0.0))
    return judge_parts.flush(statistics.median(times_ms), max(times_ms))


def measured_ms(directory: Path, times: int = FLUSHES) -> list[float]:
    """How long each of some writes with fdatasync takes, in milliseconds. Raises OSError.

    The file is removed before the first write, so that nothing is left whatever happens.
    """
    path = directory / f".doctor.{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    found = []
    try:
        path.unlink()
        for number in range(times):
            began = time.monotonic()
            os.pwrite(descriptor, _BLOCK, number * len(_BLOCK))
            os.fdatasync(descriptor)
            found.append((time.monotonic() - began) * 1000)
    finally:
        os.close(descriptor)
    return found


def wear(sources: Sources) -> DoctorFinding:
    """The wear that an eMMC tells of itself below /sys."""
    try:
        major, minor = sources.device(sources.state)
    except OSError as error:
        raise ItemUnseen(
            f"the state directory cannot be looked at ({error.strerror})", "mend the item disk first"
        ) from error
    block = (sources.root / f"sys/dev/block/{major}:{minor}").resolve()
    if (block / "partition").exists():
        block = block.parent
    device = block / "device"
    kind = text_of(device / "type")
    named = {"MMC": "the eMMC", "SD": "the SD card"}.get(kind or "", "the disk")
    steps = [step for step in _hex(text_of(device / "life_time")) if step]
    spare = [state for state in _hex(text_of(device / "pre_eol_info")) if state]
    return judge_parts.wear(max(steps, default=None), max(spare, default=None), named)


def _hex(text: str | None) -> list[int]:
    return [int(found, 16) for found in _HEX.findall(text or "")]


def _may_look(sources: Sources) -> bool:
    try:
        sources.only_for_the_service()
    except ItemUnseen:
        return False
    return True


def _kind(sources: Sources, state: Path) -> str:
    """The name of the file system, from the mount that holds the directory."""
    here, best, kind = os.path.realpath(state), "", "an unknown file system"
    for line in (text_of(sources.root / "proc/self/mounts") or "").splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        place = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[1])
        inside = here == place or here.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind
