"""The doctors' findings as lines for people, and as one JSON document."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge.domain.doctor import DoctorFinding, DoctorVerdict, worst
from edge.domain.plural import counted

TO_MEND = 1
"""Exit code when an item fails."""
_VERDICT, _ITEM = 8, 13


def lines(finding: DoctorFinding) -> str:
    """One finding; its mend is a second line."""
    said = f"{finding.verdict:<{_VERDICT}}  {finding.item:<{_ITEM}}  {finding.said}"
    indent = " " * (_VERDICT + _ITEM + 4)
    return f"{said}\n{indent}mend: {finding.mend}" if finding.mend else said


def summary(findings: Sequence[DoctorFinding]) -> str:
    """How many items there are, and how many of each verdict."""
    counts = [f"{sum(one.verdict is verdict for one in findings)} {verdict}" for verdict in DoctorVerdict]
    return f"{counted(len(findings), 'item')}: {', '.join(counts)}"


def document(findings: Sequence[DoctorFinding], about: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON document; `about` are its first fields."""
    return {**about, "verdict": str(worst(findings)), "items": [finding.as_json() for finding in findings]}


def exit_code(findings: Sequence[DoctorFinding]) -> int:
    """1 when an item fails, 0 otherwise."""
    return TO_MEND if worst(findings) is DoctorVerdict.FAIL else 0
