"""The questions of `smartclocker doctor --ask`: after each cue that is shown, whether a person saw and heard it."""

from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from edge.domain.attendance.cues import CUES, CueName
from edge.errors import ControlError, ControlRefused, SmartClockerError

if TYPE_CHECKING:
    from edge.domain.doctor import DoctorFinding

SHOWN = (CueName.IN, CueName.TOO_FAR, CueName.REFUSED)
"""Cues that between them use every light and the buzzer."""
_YES, _NO = frozenset({"y", "yes"}), frozenset({"n", "no"})


def ask_about_lights(
    finding: "DoctorFinding", source: Path, answers: IO[str], questions: IO[str]
) -> "DoctorFinding":
    """The finding after the questions. Without an answer, it says so. Raises nothing because of the lights."""
    from edge.domain.doctor import DoctorVerdict

    unseen: list[str] = []
    unknown = DoctorVerdict.WARN if finding.verdict is DoctorVerdict.OK else finding.verdict
    try:
        for name in SHOWN:
            questions.write(f"shown now: {name} ({CUES[name].text})\n")
            questions.flush()
            with redirect_stdout(questions):  # with --json, standard output has the JSON alone
                _show(source, name)
            said = _answer(answers, questions, f"Did you see and hear {name}? [y/n] ")
            if said is None:
                why = "what they show was not tried: nobody answered"
                return replace(finding, verdict=unknown, said=why, mend="answer y or n")
            if not said:
                unseen.append(name)
    except (ControlError, ControlRefused) as error:
        return replace(finding, verdict=unknown, said=f"no cue could be shown: {error}", mend="try again as root")
    except SmartClockerError as error:
        said_before, _, cure = str(error).rpartition("; ")
        return replace(finding, verdict=DoctorVerdict.FAIL, said=said_before or cure, mend=cure)
    measured = {"shown": len(SHOWN), "seen": len(SHOWN) - len(unseen)}
    if unseen:
        said_now = f"not seen or heard: {', '.join(unseen)}"
        mend = "look at the wiring (docs/wiring.md) and at the pins in [signals]; then `smartclocker cues` again"
        return replace(finding, verdict=DoctorVerdict.FAIL, said=said_now, mend=mend, measured=measured)
    if finding.verdict is DoctorVerdict.OK:
        return replace(
            finding, said=f"all {len(SHOWN)} cues that were shown were seen and heard", measured=measured
        )
    return replace(finding, measured=measured)


def _show(source: Path, name: CueName) -> None:
    """Show one cue, through the running service or directly. Raises SmartClockerError."""
    from edge import config
    from edge.adapters.linux.control_client import ask, is_served
    from edge.cli.terminal.cues import show_directly
    from edge.terminal import installed

    loaded = config.load(source).config
    path = installed.control_path(loaded)
    if is_served(path):
        ask(path, {"do": "cues", "cues": [name]}, within_s=30.0)
    else:
        show_directly(loaded, [name])


def _answer(answers: IO[str], questions: IO[str], question: str) -> bool | None:
    """Yes or no; None when the input ends, or after three other answers."""
    for _ in range(3):
        questions.write(question)
        questions.flush()
        line = answers.readline()
        if not line:
            return None
        word = line.strip().lower()
        if word in _YES | _NO:
            return word in _YES
    return None
