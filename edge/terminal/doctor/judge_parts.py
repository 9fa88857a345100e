"""Judgements on the parts of the terminal: values in, finding out. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from edge.domain.doctor import DoctorFinding, DoctorVerdict, Measured, absent, ok
from edge.domain.pad.strobe_timing import LONGEST_MS
from edge.domain.protocol.certificate_expiry import CertificateStanding, days, standing
from edge.domain.recognition.look_pace import TOO_SLOW_MS

SLOW_LOOK_MS = 650.0
"""From here on a look is slow: a punch takes some three looks, and people wait for two seconds."""
SLOW_FLUSH_MS, SLOWEST_FLUSH_MS = 100.0, 1_000.0
"""A punch waits for one flush before its light; a second of it is felt by everybody."""
DARK, BRIGHT = 40.0, 240.0
"""Mean brightness of a picture, 0 to 255, beyond which hardly any face can be used."""
_WORN, _USED_UP = 9, 11
"""Steps of an eMMC's wear: 9 is 80 to 90 % of its life, 11 is more than all of it."""


@dataclass(frozen=True, slots=True)
class CameraReading:
    """What came of a look through the camera."""

    frames: int
    rate: float
    """Frames a second: delivered ones, or those that the running service looked at."""
    size: tuple[int, int] | None
    light: float | None
    """Mean brightness of the face, or of the whole picture: 0 to 255."""
    wanted_rate: float
    """The rate below which something is wrong."""
    by: str
    """`the running service` or `the doctor`."""
    replay: bool = False
    """Whether photographs are played in place of a camera."""


def camera(reading: CameraReading) -> DoctorFinding:
    """How the camera is."""
    size = "?" if reading.size is None else f"{reading.size[0]}x{reading.size[1]}"
    measured: Measured = {
        "frames": reading.frames,
        "frames_a_second": round(reading.rate, 1),
        "size": size,
        "light": None if reading.light is None else round(reading.light),
        "by": reading.by,
    }
    if not reading.frames:
        mend = "push its cable in at both ends; end other programs that use it; restart the machine"
        return DoctorFinding("camera", DoctorVerdict.FAIL, "no frame came", mend, measured)
    said = f"{reading.rate:.1f} frames a second of {size}"
    said += "" if reading.light is None else f", light {reading.light:.0f} of 255"
    if reading.replay:
        mend = 'set camera.kind to "pi" or "usb" on a real terminal'
        said += '; camera.kind is "replay": photographs are played, and no camera is used'
        return DoctorFinding("camera", DoctorVerdict.WARN, said, mend, measured)
    if reading.light is not None and not DARK <= reading.light <= BRIGHT:
        dark = reading.light < DARK
        mend = "put a lamp before the people" if dark else "turn the camera away from window and sun"
        said += f": too {'dark' if dark else 'bright'} for faces"
        return DoctorFinding("camera", DoctorVerdict.WARN, said, mend, measured)
    if reading.rate < reading.wanted_rate:
        said += f"; {reading.wanted_rate:.1f} a second are to be expected"
        mend = "more light, a shorter cable, no USB hub; the item look says whether the machine is slow"
        return DoctorFinding("camera", DoctorVerdict.WARN, said, mend, measured)
    return ok("camera", said, measured)


def look(ms: float, threads: int, frames: int, *, lamp: bool) -> DoctorFinding:
    """`ms` is the time of one look at a photograph; a decision takes `frames` of them. `lamp`: infrared is used."""
    punch_s = ms * (frames + 1) / 1000
    measured: Measured = {"look_ms": round(ms), "punch_s": round(punch_s, 1), "threads": threads}
    said = f"a look at a face takes {ms:.0f} ms, so that a punch takes about {punch_s:.1f} s"
    too_slow = ms > min(TOO_SLOW_MS / frames, LONGEST_MS if lamp else TOO_SLOW_MS)
    if ms < SLOW_LOOK_MS and not too_slow:
        return ok("look", said, measured)
    mend = (
        "close other programs, cool the machine, raise recognition.threads to the number of its cores; or take a "
        "faster one"
    )
    verdict = DoctorVerdict.FAIL if too_slow else DoctorVerdict.WARN
    why = "this machine is too slow (the alarm too-slow)" if too_slow else "this machine is slow"
    return DoctorFinding("look", verdict, f"{said}: {why}", mend, measured)


@dataclass(frozen=True, slots=True)
class DiskReading:
    """The disk of the state directory."""

    kind: str
    """The file system's name."""
    free_mb: int
    total_mb: int
    read_only: bool


def disk(reading: DiskReading, notes: Collection[str] = ()) -> DoctorFinding:
    """How the disk is, where no check of it failed; `notes` do not fail it, and each ends with its mend."""
    measured: Measured = {"file_system": reading.kind, "free_mb": reading.free_mb, "total_mb": reading.total_mb}
    said = f"{reading.free_mb:,} MB of {reading.total_mb:,} MB free on {reading.kind}"
    if reading.read_only:
        mend = "look at the kernel's log (`dmesg`): a failing disk is mounted read-only; replace it"
        return DoctorFinding("disk", DoctorVerdict.FAIL, f"{said}, and it is read-only", mend, measured)
    if notes:
        parts = [note.rpartition("; ") for note in notes]
        told, mend = ("; ".join(part[at] for part in parts) for at in (0, 2))
        return DoctorFinding("disk", DoctorVerdict.WARN, f"{said}; {told}", mend, measured)
    return ok("disk", said, measured)


def flush(median_ms: float, worst_ms: float) -> DoctorFinding:
    """Both are the time of writing and flushing one small block."""
    measured: Measured = {"flush_ms": round(median_ms, 2), "worst_flush_ms": round(worst_ms, 2)}
    said = f"a flush takes {median_ms:.1f} ms, the slowest {worst_ms:.1f} ms"
    if median_ms < SLOW_FLUSH_MS:
        return ok("flush", said, measured)
    verdict = DoctorVerdict.FAIL if median_ms >= SLOWEST_FLUSH_MS else DoctorVerdict.WARN
    mend = "the disk is slow or worn: replace it (docs/operations.md, The disk, says what to buy)"
    return DoctorFinding("flush", verdict, f"{said}, and each punch waits for one", mend, measured)


def wear(step: int | None, spare: int | None, what: str) -> DoctorFinding:
    """`step` is the wear in tenths as JEDEC's eMMC standard writes it (1 to 11), `spare` its state of the reserve
    blocks (1 normal, 2 warning, 3 urgent), each None where the disk does not tell.
    """
    if step is None and spare is None:
        return absent("wear", f"{what} does not tell of its wear")
    measured: Measured = {"life_used_percent": None if step is None else min(step, _USED_UP) * 10, "reserve": spare}
    if step is None:
        said = f"{what}: its reserve is in state {spare} of 3"
    elif step >= _USED_UP:
        said = f"{what}: all of its expected life is used"
    else:
        said = f"{what}: {(step - 1) * 10} to {step * 10} % of its expected life is used"
    mend = "copy the records off (`smartclocker journal export`), and replace the disk"
    if (step or 0) >= _USED_UP or (spare or 0) >= 3:
        return DoctorFinding("wear", DoctorVerdict.FAIL, said, mend, measured)
    if (step or 0) >= _WORN or (spare or 0) >= 2:
        return DoctorFinding("wear", DoctorVerdict.WARN, said, mend, measured)
    return ok("wear", said, measured)


def certificate(name: str, begin: datetime, end: datetime, now: datetime) -> DoctorFinding:
    """How long the certificate of the uplink is valid, where no check of it failed."""
    stands, left = standing(begin, end, now), (end - now).days
    measured: Measured = {"name": name, "days_left": left}
    if stands is CertificateStanding.GOOD:
        return ok("certificate", f"issued to {name}, valid for {left} days", measured)
    mend = f"`smartclocker central issue DIR {name}` at the centre, then copy certificate and key here"
    if stands is CertificateStanding.ENDING:
        said = f"issued to {name}, ends {days(end, now)}"
        return DoctorFinding("certificate", DoctorVerdict.WARN, said, mend, measured)
    if stands is CertificateStanding.EARLY:
        said, mend = (
            f"issued to {name}, and valid only from {begin:%Y-%m-%d %H:%M} UTC on",
            "set this machine's clock",
        )
    else:
        said = f"issued to {name}, ended on {end:%Y-%m-%d}"
    return DoctorFinding("certificate", DoctorVerdict.FAIL, said, mend, measured)


def service(state: str, alarms: Collection[str], out_of_service: bool) -> DoctorFinding:
    """`state` and `alarms` are the running terminal's own words."""
    measured: Measured = {"state": state, "alarms": " ".join(sorted(alarms))}
    mend = "docs/operations.md says what to do about each alarm"
    if out_of_service:
        said = f"the terminal is out of service: {', '.join(sorted(alarms)) or 'no alarm says why'}"
        return DoctorFinding("service", DoctorVerdict.FAIL, said, mend, measured)
    if alarms:
        said = f"the terminal runs ({state}), with alarms: {', '.join(sorted(alarms))}"
        return DoctorFinding("service", DoctorVerdict.WARN, said, mend, measured)
    return ok("service", f"the terminal runs ({state}), without an alarm", measured)
