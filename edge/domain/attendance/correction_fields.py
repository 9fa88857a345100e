"""The fields of one correction: which values are allowed, by themselves and together with the corrected record."""

from collections.abc import Iterable, Mapping
from typing import Any

from edge.domain.protocol.document import fits
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import (
    FIELDS,
    OPTIONAL,
    CorrectionAction,
    CorrectionReason,
    CorrectionSide,
    Kind,
)
from edge.domain.vocabulary import Activity, Direction


def _one_of(words: Iterable[str]) -> str:
    """`must be in or out`; of more words, with commas before the last."""
    *others, last = words
    return f"must be {', '.join(others)} or {last}"


_FORMS = {
    "person": "is missing, or not a person's id of 26 characters",
    "change": _one_of(CorrectionAction),
    "corrects": "must be a record's id, <terminal>/<epoch>/<seq>",
    "direction": _one_of(Direction),
    "activity": f"must be {', '.join(Activity)}, or left out",
    "at": "must be a moment in RFC 3339 UTC with milliseconds",
    "reason": _one_of(CorrectionReason),
    "worker": _one_of(CorrectionSide),
    "employer": _one_of(CorrectionSide),
}


def problems(data: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with a correction's fields by themselves; each line begins with the field."""
    fields = FIELDS[Kind.CORRECTION].items()
    found = [f"{name}: {_FORMS[name]}" for name, kind in fields if name not in data or not fits(data[name], kind)]
    activity = OPTIONAL[Kind.CORRECTION]["activity"]
    if "activity" in data and not fits(data["activity"], activity):
        found.append(f"activity: {_FORMS['activity']}")
    malformed = {line.partition(":")[0] for line in found}
    if "change" not in malformed:
        found += [line for line in _together(data) if not malformed & set(line.partition(":")[0].split(", "))]
    return found


def _together(data: Mapping[str, Any]) -> list[str]:
    """Fields that the change needs and that are missing, and fields that it does not take. Malformed fields are
    judged elsewhere.
    """
    change, direction, at, corrects = (data.get(name) for name in ("change", "direction", "at", "corrects"))
    found = []
    if "activity" in data and direction is None:
        found.append("activity, direction: an activity needs the direction that it goes with")
    if change == CorrectionAction.ADDED:
        if corrects is not None:
            found.append("corrects: an added punch points at nothing; leave it out")
        given = {"direction": direction, "at": at}
        return found + [f"{name}: an added punch needs it" for name, value in given.items() if value is None]
    if corrects is None:
        found.append(f"corrects: {change} needs the id of the record that it is about")
    if change == CorrectionAction.AMENDED and direction is None and at is None:
        found.append("direction, at: amended needs one of them, or both")
    if change != CorrectionAction.AMENDED:
        unused = [name for name in ("direction", "at") if data.get(name) is not None]
        found += [f"{name}: {change} does not change it; leave it out" for name in unused]
    if (
        change == CorrectionAction.STATEMENT
        and data.get("worker") == data.get("employer") == CorrectionSide.NOT_HEARD
    ):
        found.append("worker, employer: a statement in which nobody says anything; give one of them")
    return found


def problems_with(data: Mapping[str, Any], target: Record) -> list[str]:
    """The reasons why a correction, itself without problems, cannot correct this record."""
    change = target.data.get("change") if target.kind == Kind.CORRECTION else None
    found = []
    if target.kind not in {Kind.PUNCH, Kind.CORRECTION}:
        found.append(f"corrects: a record of the kind {target.kind}; only a punch or a correction can be corrected")
    elif target.data.get("person") != data["person"]:
        found.append("person: the record that it corrects is another person's")
    elif data["change"] == CorrectionAction.STATEMENT and change is None:
        found.append("corrects: a statement is about a correction, and this is a punch")
    elif data["change"] != CorrectionAction.STATEMENT and change == CorrectionAction.STATEMENT:
        found.append("corrects: a statement changes nothing; name the correction that it is about")
    return found
