"""Readings of the clock: whether it is synchronised, by which server, and how far off it was."""

import re

from edge.domain.doctor import DoctorFinding
from edge.terminal.doctor import judge_machine
from edge.terminal.doctor.judge_machine import ClockReading
from edge.terminal.doctor.readings.sources import Sources

_SERVER = re.compile(r"^\s*Server: (.+)", re.MULTILINE)
_OFFSET = re.compile(r"^\s*Offset: ([+-]?[0-9.]+)(us|ms|s|min)\b", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}


def clock(sources: Sources) -> DoctorFinding:
    """The kernel says whether the clock is synchronised; chrony or timesyncd say by whom."""
    source, offset_s = _chrony(sources) or _timesyncd(sources)
    reading = ClockReading(sources.synchronised(), sources.worst_error_s(), source, offset_s)
    return judge_machine.clock(reading)


def _chrony(sources: Sources) -> tuple[str | None, float | None] | None:
    """The name and the offset of chrony's server; None where chrony does not run or follows nothing."""
    fields = (sources.run(("chronyc", "-c", "tracking")) or "").strip().split(",")
    if len(fields) < 5 or not fields[1]:
        return None
    return fields[1][:100], _number(fields[4])


def _timesyncd(sources: Sources) -> tuple[str | None, float | None]:
    said = sources.run(("timedatectl", "timesync-status")) or ""
    server, offset = _SERVER.search(said), _OFFSET.search(said)
    seconds = None if offset is None else _number(offset[1])
    return (
        None if server is None else server[1].strip()[:100],
        None if offset is None or seconds is None else seconds * _SECONDS[offset[2]],
    )


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) < 1e9 else None  # neither infinite nor no number
