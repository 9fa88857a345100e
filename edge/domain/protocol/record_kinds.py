"""The kinds of record, and the fields of each.

docs/protocol.md and its JSON Schemas describe the same; a test compares all three.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from edge.domain.people.consent import LANGUAGE
from edge.domain.people.operator_id import BY
from edge.domain.protocol.fields import (
    Count,
    Epoch,
    Hash,
    Instant,
    Integer,
    Person,
    RecordId,
    SiteRecordId,
    Whole,
    Word,
    whole,
)
from edge.domain.vocabulary import Activity, Band, Direction, DirectionSource, ErasureReason, Method


class Kind(StrEnum):
    """The kinds of record that this version writes; docs/protocol.md describes each."""

    PUNCH = "punch"
    SUPPRESSED = "suppressed"
    CORRECTION = "correction"
    ENROLLED = "enrolled"
    CONSENT = "consent"
    ERASED = "erased"
    RESTRICTED = "restricted"
    BOOT = "boot"
    CLOCK_STEP = "clock-step"
    GAP = "gap"
    COMMAND_RESULT = "command-result"
    TAMPER = "tamper"


class CorrectionAction(StrEnum):
    """The effect of a correction on the record that it points at. That record itself stays as it is."""

    AMENDED = "amended"
    """Its direction or its instant changes."""
    VOIDED = "voided"
    """It does not count."""
    ADDED = "added"
    """A punch that nobody made counts. The correction points at no record."""
    STATEMENT = "statement"
    """The other side's statement on a correction. It points at the correction, and changes nothing."""


class CorrectionReason(StrEnum):
    """The reason of a correction. It is a fixed list, because free text would carry names to the broker."""

    FORGOTTEN = "forgotten"
    WRONG_DIRECTION = "wrong-direction"
    WRONG_PERSON = "wrong-person"
    WRONG_TIME = "wrong-time"
    OUT_OF_SERVICE = "out-of-service"
    OTHER = "other"


class CorrectionSide(StrEnum):
    """The position of one side, worker or employer, on a correction."""

    ASKED = "asked"
    """This side asked for it."""
    AGREES = "agrees"
    DISPUTES = "disputes"
    NOT_HEARD = "not-heard"


class GapCause(StrEnum):
    """The cause for which a journal was set aside and a new one begun."""

    UNREADABLE = "unreadable"
    ALTERED = "altered"
    MISSING = "missing"


class Restriction(StrEnum):
    """The reason why a person's data are kept and not matched."""

    RESTRICTED = "restricted"
    """The right to restriction of processing. The side that ordered it may lift it."""
    OBJECTED = "objected"
    """The person objected: badge or PIN, and no face, until the person lifts it."""


class Bar(StrEnum):
    """The state of a person that a `restricted` record tells."""

    RESTRICTED = "restricted"
    OBJECTED = "objected"
    LIFTED = "lifted"


class CommandOutcome(StrEnum):
    """The outcome of a command."""

    DONE = "done"
    PARTLY = "partly"
    REFUSED = "refused"


class TamperState(StrEnum):
    """The state of the switch that notices when the terminal's box is opened."""

    OPENED = "opened"
    CLOSED = "closed"


_By = Annotated[str, whole(BY)]
_Language = Annotated[str, whole(LANGUAGE)]
_Words = Annotated[list[Word], Meta(max_length=32)]
_PUNCH: dict[str, Any] = {
    "person": Person,
    "direction": Direction,
    "direction_source": DirectionSource,
    "method": Method,
    "quality": Band,
    "liveness": Band,
    "models": _Words,
}
FIELDS: dict[str, dict[str, Any]] = {
    Kind.PUNCH: _PUNCH,
    Kind.SUPPRESSED: {**_PUNCH, "duplicate_of": Count},
    Kind.ENROLLED: {"person": Person, "models": _Words, "templates": Count},
    Kind.CONSENT: {
        "person": Person,
        "state": Literal["given", "withdrawn"],
        "policy_version": Word,
        "policy_sha256": Hash,
    },
    Kind.ERASED: {"person": Person, "reason": ErasureReason, "templates": Whole},
    Kind.RESTRICTED: {"person": Person, "state": Bar},
    Kind.BOOT: {"version": Word, "models": _Words},
    Kind.CORRECTION: {
        "person": Person,
        "change": CorrectionAction,
        "corrects": RecordId | None,
        "direction": Direction | None,
        "at": Instant | None,
        "reason": CorrectionReason,
        "worker": CorrectionSide,
        "employer": CorrectionSide,
    },
    Kind.CLOCK_STEP: {
        "step_ms": Integer,
        "before": Instant,
        "after": Instant,
        "synchronised_before": bool,
        "synchronised_after": bool,
    },
    Kind.GAP: {
        "previous_epoch": Epoch | None,
        "previous_head": Whole,
        "receipted": Whole,
        "cause": GapCause,
        "quarantine": Word,
    },
    Kind.COMMAND_RESULT: {
        "command_id": Epoch,
        "command": Word,
        "outcome": CommandOutcome,
        "detail": Word,
    },
    Kind.TAMPER: {"state": TamperState},
}
"""The type of each field that a kind must have; docs/protocol.md and its JSON Schemas describe the same."""
_BY_HAND: dict[str, Any] = {"by": _By}
_HELD_TRUE = Literal[True]
_PUNCH_MORE: dict[str, Any] = {
    "direction_assumed": _HELD_TRUE,
    "activity": Activity,
    "follows": SiteRecordId | None,
    "site_unheard": _HELD_TRUE,
}
OPTIONAL: dict[str, dict[str, Any]] = {
    Kind.PUNCH: _PUNCH_MORE,
    Kind.SUPPRESSED: _PUNCH_MORE,
    Kind.ENROLLED: _BY_HAND,
    Kind.CONSENT: {
        **_BY_HAND,
        "language": _Language,
        "witnessed": _HELD_TRUE,
        "age_attested": _HELD_TRUE,
        "employer_agreed": _HELD_TRUE,
    },
    Kind.ERASED: _BY_HAND,
    Kind.RESTRICTED: _BY_HAND,
    Kind.CORRECTION: {**_BY_HAND, "activity": Activity},
    Kind.COMMAND_RESULT: {**_BY_HAND, "person": Person},
}
"""The type of each field that a kind may have in addition. For a punch: what its direction rests on. For an
act by hand: who acted, and on whom if the kind does not tell. For a consent: how it was given; the record of its
end does not repeat that.
"""
SHAPES: dict[str, type[Struct]] = {
    kind: defstruct(
        f"_{kind.title().replace('-', '')}",
        [*fields.items(), *((name, hint | UnsetType, UNSET) for name, hint in OPTIONAL.get(kind, {}).items())],
    )
    for kind, fields in FIELDS.items()
}
"""The required and the optional fields of each kind, as one type."""
