"""Readings of the way to the centre: the service's own state, and broker, ledger and receipt, tried once."""

import time

from edge.domain.attendance.states import State
from edge.domain.doctor import DoctorFinding, absent, of_problems, ok
from edge.terminal import installed
from edge.terminal.checks import online
from edge.terminal.doctor import judge_parts
from edge.terminal.doctor.readings.sources import Sources


def service(sources: Sources) -> DoctorFinding:
    """What the running terminal says of itself."""
    said = sources.status
    if said is None:
        return absent("service", f"no service answers at {installed.control_path(sources.config)}")
    state = said.get("state")
    told = state if isinstance(state, str) else "unknown"
    return judge_parts.service(told, sources.alarms, told == State.OUT_OF_SERVICE)


def broker(sources: Sources) -> DoctorFinding:
    """The broker, a record that is in the journal already, and the ledger's signed receipt."""
    if sources.config.uplink is None:
        return absent("broker", "no [uplink]: this terminal has no centre")
    sources.only_with_keys()
    began = time.monotonic()
    steps = list(online.steps(sources.config, installed.load_secrets(sources.config)))
    took_s = time.monotonic() - began
    bad = [f"{step.name}: {step.said}" for step in steps if not step.good]
    good = "; ".join(f"{step.name}: {step.said}" for step in steps if step.good)
    measured = {"seconds": round(took_s, 1), "steps_good": sum(step.good for step in steps)}
    return of_problems("broker", bad, ok("broker", f"{good} (in {took_s:.1f} s)", measured))
