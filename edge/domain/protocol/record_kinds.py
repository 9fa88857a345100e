"""The kinds of record, and what each must carry.

docs/protocol.md and its JSON Schemas say the same in their own words; a test holds the three together.
"""

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from edge.domain.people.consent import LANGUAGE
from edge.domain.people.operator_id import is_by
from edge.domain.strict_json import MAX_INTEGER
from edge.domain.vocabulary import Band, Direction, DirectionSource, Method

PERSON = re.compile(r"[a-z2-7]{26}")
"""An opaque person id: 128 random bits in base32."""
EPOCH = re.compile(r"[0-9a-f]{32}")
HASH = re.compile(r"[0-9a-f]{64}")
RECORD_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}/[0-9a-f]{32}/[1-9][0-9]{0,15}")
"""A record's CloudEvents id."""
UTC = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
)  # \d takes any script's digits
WORD = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}")
"""One short line of text: what a ledger may print."""


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


class ErasureReason(StrEnum):
    """Why a person's biometrics were destroyed."""

    REQUESTED = "requested"
    """By the person: the right to erasure."""
    WITHDRAWN = "withdrawn"
    EMPLOYMENT_ENDED = "employment-ended"
    EMPLOYER = "employer"
    """At the employer's request."""
    UNDER_AGE = "under-age"


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


def _one_of(words: type[StrEnum]) -> Callable[[object], bool]:
    known = frozenset(words)
    return lambda value: isinstance(value, str) and value in known


def _is_person(value: object) -> bool:
    return isinstance(value, str) and PERSON.fullmatch(value) is not None


def _is_word(value: object) -> bool:
    return isinstance(value, str) and WORD.fullmatch(value) is not None


def _is_words(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 32 and all(map(_is_word, value))


def _is_count(value: object) -> bool:
    return _is_integer(value, 1)


def _is_integer(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_INTEGER


def _matches(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def is_instant(value: object) -> bool:
    """Whether a value is an RFC 3339 UTC instant with milliseconds and Z, and a moment that exists."""
    if not isinstance(value, str) or UTC.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_PUNCH: dict[str, Callable[[object], bool]] = {
    "person": _is_person,
    "direction": _one_of(Direction),
    "direction_source": _one_of(DirectionSource),
    "method": _one_of(Method),
    "quality": _one_of(Band),
    "liveness": _one_of(Band),
    "models": _is_words,
}
FIELDS: dict[str, dict[str, Callable[[object], bool]]] = {
    Kind.PUNCH: _PUNCH,
    Kind.SUPPRESSED: {**_PUNCH, "duplicate_of": _is_count},
    Kind.ENROLLED: {"person": _is_person, "models": _is_words, "templates": _is_count},
    Kind.CONSENT: {
        "person": _is_person,
        "state": lambda value: isinstance(value, str) and value in {"given", "withdrawn"},
        "policy_version": _is_word,
        "policy_sha256": lambda value: isinstance(value, str) and HASH.fullmatch(value) is not None,
    },
    Kind.ERASED: {"person": _is_person, "reason": _one_of(ErasureReason), "templates": lambda v: _is_integer(v, 0)},
    Kind.RESTRICTED: {"person": _is_person, "state": _one_of(Bar)},
    Kind.BOOT: {"version": _is_word, "models": _is_words},
    Kind.CORRECTION: {
        "person": _is_person,
        "change": _one_of(CorrectionAction),
        "corrects": lambda value: value is None or _matches(value, RECORD_ID),
        "direction": lambda value: value is None or _one_of(Direction)(value),
        "at": lambda value: value is None or is_instant(value),
        "reason": _one_of(CorrectionReason),
        "worker": _one_of(CorrectionSide),
        "employer": _one_of(CorrectionSide),
    },
    Kind.CLOCK_STEP: {
        "step_ms": lambda value: _is_integer(value, -MAX_INTEGER),
        "before": is_instant,
        "after": is_instant,
        "synchronised_before": lambda value: isinstance(value, bool),
        "synchronised_after": lambda value: isinstance(value, bool),
    },
    Kind.GAP: {
        "previous_epoch": lambda value: value is None or _matches(value, EPOCH),
        "previous_head": lambda value: _is_integer(value, 0),
        "receipted": lambda value: _is_integer(value, 0),
        "cause": _one_of(GapCause),
        "quarantine": _is_word,
    },
    Kind.COMMAND_RESULT: {
        "command_id": lambda value: _matches(value, EPOCH),
        "command": _is_word,
        "outcome": _one_of(CommandOutcome),
        "detail": _is_word,
    },
}
"""What each kind must carry; docs/protocol.md and its JSON Schemas say the same in their own words."""
_BY_HAND: dict[str, Callable[[object], bool]] = {"by": is_by}
OPTIONAL: dict[str, dict[str, Callable[[object], bool]]] = {
    Kind.PUNCH: {"direction_assumed": lambda value: value is True},
    Kind.ENROLLED: _BY_HAND,
    Kind.CONSENT: {
        **_BY_HAND,
        "language": lambda value: _matches(value, LANGUAGE),
        "witnessed": lambda value: value is True,
        "age_attested": lambda value: value is True,
        "employer_agreed": lambda value: value is True,
    },
    Kind.ERASED: _BY_HAND,
    Kind.RESTRICTED: _BY_HAND,
    Kind.CORRECTION: _BY_HAND,
    Kind.COMMAND_RESULT: {**_BY_HAND, "person": _is_person},
}
"""What a kind may carry besides: that nothing vouched for a punch's direction; who acted by hand at the terminal,
and about whom where the kind does not say; and of a consent how it was given, which the record of its end does not
repeat."""
