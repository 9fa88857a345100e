"""The findings of the doctor: how a part of the terminal is, with the measured figures and the mend. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from edge.domain.plural import counted
from edge.errors import SmartClockerError

AS_ROOT = "run it as root: `sudo smartclocker doctor`"
UNUSABLE = "the configuration cannot be used"
"""Why most items cannot be looked at when the configuration is wrong."""
Measured = Mapping[str, int | float | str | bool | None]


class DoctorVerdict(StrEnum):
    """How a part is."""

    OK = "ok"
    WARN = "warn"
    """It works, or could not be looked at; somebody should read the line."""
    FAIL = "fail"
    """It does not work, or will soon lose something."""
    NOT_HERE = "not here"
    """This terminal or machine has no such part."""


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """How one item is."""

    item: str
    verdict: DoctorVerdict
    said: str
    """What was found, with the figure."""
    mend: str = ""
    """A command or an action; empty where nothing is to be done."""
    measured: Measured = field(default_factory=dict)
    """The figures by name; the unit ends the name."""

    def as_json(self) -> dict[str, Any]:
        """Its fields for `--json`."""
        return {
            "item": self.item,
            "verdict": str(self.verdict),
            "said": self.said,
            "mend": self.mend,
            "measured": dict(self.measured),
        }


class ItemUnseen(SmartClockerError):
    """An item cannot be looked at; the text says why. Only the doctor raises it, and only the doctor catches it."""

    def __init__(self, why: str, mend: str) -> None:
        """`mend` is what to do so that it can be looked at."""
        self.why, self.mend = why, mend
        super().__init__(f"{why}; {mend}")


def parse(document: Mapping[str, Any]) -> DoctorFinding:
    """The finding that `as_json` wrote. Raises KeyError, ValueError, TypeError."""
    return DoctorFinding(
        str(document["item"]),
        DoctorVerdict(document["verdict"]),
        str(document["said"]),
        str(document["mend"]),
        dict(document["measured"]),
    )


def unseen(item: str, why: str, mend: str, *, verdict: DoctorVerdict = DoctorVerdict.WARN) -> DoctorFinding:
    """The finding that an item could not be looked at."""
    return DoctorFinding(item, verdict, f"could not be looked at: {why}", mend)


def absent(item: str, said: str) -> DoctorFinding:
    """The finding that there is no such part here."""
    return DoctorFinding(item, DoctorVerdict.NOT_HERE, said)


def ok(item: str, said: str, measured: Measured | None = None) -> DoctorFinding:
    """The finding that a part is in order."""
    return DoctorFinding(item, DoctorVerdict.OK, said, measured=measured or {})


def of_problems(
    item: str, problems: Iterable[str], fine: DoctorFinding, otherwise: str = "`smartclocker check` says more"
) -> DoctorFinding:
    """`fine`, unless there are problems of `smartclocker check`: each ends with its cure after a semicolon.

    `otherwise` is the mend where no problem has a cure of its own.
    """
    lines = list(problems)
    if not lines:
        return fine
    parts = [line.rpartition("; ") for line in lines]
    said = "; ".join(before or after for before, _, after in parts)
    mends = list(dict.fromkeys(after for before, _, after in parts if before))
    if len(lines) > 1:
        said = f"{counted(len(lines), 'problem')}: {said}"
    return DoctorFinding(
        item, DoctorVerdict.FAIL, said, "; ".join(mends) or otherwise, {**fine.measured, "problems": len(lines)}
    )


def worst(findings: Iterable[DoctorFinding]) -> DoctorVerdict:
    """The gravest verdict: fail before warn before ok."""
    found = {finding.verdict for finding in findings}
    order = (DoctorVerdict.FAIL, DoctorVerdict.WARN)
    return next((verdict for verdict in order if verdict in found), DoctorVerdict.OK)
