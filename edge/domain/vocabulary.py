"""The words of the house that records, cues and columns use: directions, methods, reasons and grades.

Nothing here needs numpy: to name a direction loads no more than this file.
"""

from enum import StrEnum


class Direction(StrEnum):
    """Which way a punch goes."""

    IN = "in"
    OUT = "out"


class DirectionSource(StrEnum):
    """How the direction was found; payroll needs to know a guess from a choice."""

    CONFIGURED = "configured"
    """The terminal serves one direction only."""
    ALTERNATED = "alternated"
    """The opposite of the person's last punch at the site within the shift limit, otherwise IN."""
    PRESSED = "pressed"
    """The person pressed a button."""


class Button(StrEnum):
    """The buttons by which a person says what their punch means."""

    IN = "in"
    OUT = "out"
    BREAK = "break"


class Activity(StrEnum):
    """What a punch begins or ends, beside its direction. A punch without an activity begins or ends work."""

    BREAK = "break"
    """An OUT begins a break, and the IN after it ends the break."""


class Method(StrEnum):
    """How the person was identified."""

    FACE = "face"
    BADGE = "badge"
    PIN = "pin"
    BADGE_FACE = "badge+face"


class RefusalReason(StrEnum):
    """Why a face or a press was not accepted. The first group is advice that a person can follow."""

    TOO_FAR = "too-far"
    TOO_CLOSE = "too-close"
    OFF_CENTRE = "off-centre"
    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"
    TURNED = "turned"
    COVERED = "covered"
    SEVERAL_FACES = "several-faces"
    SEVERAL_BUTTONS = "several-buttons"
    """Several buttons were pressed at once."""
    BADGE_NEEDED = "badge-needed"
    """A face alone is not enough here, or not for somebody who looks like another."""

    PAUSED = "paused"
    """This face failed too often: it waits, and nobody else does."""

    NOT_RECOGNISED = "not-recognised"
    """Unknown, ambiguous or not alive: from outside they look the same, so that an attacker learns nothing."""


class Band(StrEnum):
    """A coarse grade: scores never leave on a record (I11)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"
    """Not measured, e.g. the liveness of a badge."""


class ErasureReason(StrEnum):
    """Why a person's biometrics were destroyed."""

    REQUESTED = "requested"
    """By the person: the right to erasure."""
    WITHDRAWN = "withdrawn"
    EMPLOYMENT_ENDED = "employment-ended"
    EMPLOYER = "employer"
    """At the employer's request."""
    UNDER_AGE = "under-age"
