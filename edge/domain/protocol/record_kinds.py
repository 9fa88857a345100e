"""The kinds of record, and what each must carry.

docs/protocol.md and its JSON Schemas say the same in their own words; a test holds the three together.
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
    Whole,
    Word,
    whole,
)
from edge.domain.vocabulary import Band, Direction, DirectionSource, ErasureReason, Method


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


class CorrectionAction(StrEnum):
    """What a correction does to the record that it points at, which itself stays as it is."""

    AMENDED = "amended"
    """Its direction or its moment is another."""
    VOIDED = "voided"
    """It does not count."""
    ADDED = "added"
    """A punch that nobody made counts: it points at nothing."""
    STATEMENT = "statement"
    """The other side's word on a correction: it points at that, and changes nothing."""


class CorrectionReason(StrEnum):
    """Why; words of a list, since free text would carry names to the broker."""

    FORGOTTEN = "forgotten"
    WRONG_DIRECTION = "wrong-direction"
    WRONG_PERSON = "wrong-person"
    WRONG_TIME = "wrong-time"
    OUT_OF_SERVICE = "out-of-service"
    OTHER = "other"


class CorrectionSide(StrEnum):
    """What one side says of a correction."""

    ASKED = "asked"
    """It is the one that asked for it."""
    AGREES = "agrees"
    DISPUTES = "disputes"
    NOT_HEARD = "not-heard"


class GapCause(StrEnum):
    """Why a journal was set aside and a new one begun."""

    UNREADABLE = "unreadable"
    ALTERED = "altered"
    MISSING = "missing"


class Restriction(StrEnum):
    """Why somebody is kept and not matched."""

    RESTRICTED = "restricted"
    """The right to restriction of processing; whoever ordered it may lift it."""
    OBJECTED = "objected"
    """The person's own word: badge or PIN, and no face, until they say otherwise."""


class Bar(StrEnum):
    """What a `restricted` record says that became of somebody."""

    RESTRICTED = "restricted"
    OBJECTED = "objected"
    LIFTED = "lifted"


class CommandOutcome(StrEnum):
    """What became of a command."""

    DONE = "done"
    PARTLY = "partly"
    REFUSED = "refused"


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
}
"""The type of each field that a kind must carry; docs/protocol.md and its JSON Schemas say the same in their own
words."""
_BY_HAND: dict[str, Any] = {"by": _By}
_HELD_TRUE = Literal[True]
OPTIONAL: dict[str, dict[str, Any]] = {
    Kind.PUNCH: {"direction_assumed": _HELD_TRUE},
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
    Kind.CORRECTION: _BY_HAND,
    Kind.COMMAND_RESULT: {**_BY_HAND, "person": Person},
}
"""What a kind may carry besides: that nothing vouched for a punch's direction; who acted by hand at the terminal,
and about whom where the kind does not say; and of a consent how it was given, which the record of its end does not
repeat."""
SHAPES: dict[str, type[Struct]] = {
    kind: defstruct(
        f"_{kind.title().replace('-', '')}",
        [*fields.items(), *((name, hint | UnsetType, UNSET) for name, hint in OPTIONAL.get(kind, {}).items())],
    )
    for kind, fields in FIELDS.items()
}
"""Both of a kind as one type."""
