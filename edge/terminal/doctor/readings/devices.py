"""Readings of lights, buttons and readers: what `smartclocker check` finds, and the running service's alarms."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.domain.doctor import DoctorFinding, DoctorVerdict, absent, of_problems, ok
from edge.terminal.checks import devices
from edge.terminal.doctor.readings.sources import Sources
from edge.terminal.runtime.alarms import Alarm

_NOT_TRIED = "what they show was not tried: `smartclocker doctor --ask` shows each cue and asks"
_READ_THERE = "docs/operations.md says what to do"


def lights(sources: Sources) -> DoctorFinding:
    """Lights, buzzer and infrared lamp."""
    chosen = sources.config.signals
    if chosen.kind == "console":
        mend = 'set signals.kind to "gpio" on a real terminal'
        said = 'signals.kind is "console": the lights are drawn in the output'
        fine = DoctorFinding("lights", DoctorVerdict.WARN, said, mend)
    else:
        fine = ok("lights", f"green {chosen.green}, amber {chosen.amber}, red {chosen.red}, buzzer {chosen.buzzer} "
                  f"(GPIO); {_NOT_TRIED}")  # fmt: skip
    words = (Alarm.SIGNALS_FAILING, Alarm.STROBE_FAILING, Alarm.STROBE_BLIND)
    found = [
        *_of(devices.pins(sources.config, _dev(sources)), "signals.", "recognition."),
        *_standing(sources, words),
    ]
    return of_problems("lights", found, fine)


def buttons(sources: Sources) -> DoctorFinding:
    """Buttons, tamper switch and motion sensor."""
    chosen = sources.config.buttons
    if chosen.kind == "none":
        return absent("buttons", 'buttons.kind is "none"')
    pins = {"IN": chosen.in_pin, "OUT": chosen.out_pin, "BREAK": chosen.break_pin, "tamper": chosen.tamper_pin,
            "motion": chosen.motion_pin}  # fmt: skip
    wired = ", ".join(f"{name} {pin}" for name, pin in pins.items() if pin)
    said = f"{wired} (GPIO)" if chosen.kind == "gpio" else f"a script plays them ({chosen.script})"
    problems = list(devices.pins(sources.config, _dev(sources))) if chosen.kind == "gpio" else []
    if chosen.kind == "script":
        problems = list(devices.script("buttons.script", Path(chosen.script), sources.account))
    words = (Alarm.BUTTONS_FAILING, Alarm.BUTTON_STUCK, Alarm.TAMPER_OPEN)
    return of_problems("buttons", [*problems, *_standing(sources, words)], ok("buttons", said))


def readers(sources: Sources) -> DoctorFinding:
    """Badge reader and keypad: there, and readable by the service's user."""
    chosen = sources.config.reader
    if chosen.kind == "none":
        return absent("readers", 'reader.kind is "none"')
    named = [name for name in (chosen.badge, chosen.keypad, chosen.script) if name]
    fine = ok("readers", f"the service's user may read {', '.join(named)}", {"devices": len(named)})
    problems = [*devices.reader(sources.config, sources.account), *_standing(sources, (Alarm.READER_AWAY,))]
    return of_problems("readers", problems, fine)


def _dev(sources: Sources) -> Path:
    return sources.root / "dev"


def _of(problems: Iterable[str], *keys: str) -> Iterator[str]:
    yield from (problem for problem in problems if problem.startswith(keys))


def _standing(sources: Sources, words: Iterable[Alarm]) -> Iterator[str]:
    """The alarms among `words` that the running service has."""
    alarms = sources.alarms
    yield from (f"the running service has the alarm {word}; {_READ_THERE}" for word in words if word in alarms)
