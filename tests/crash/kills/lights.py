"""What the lights said, held to the records of the same life: pure rules."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_ACCEPTING = {
    "IN": ("punch", "in"),
    "OUT": ("punch", "out"),
    "ALREADY IN": ("suppressed", "in"),
    "ALREADY OUT": ("suppressed", "out"),
}
_LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3}  \S \S \S  .*?  (?P<text>[^ ♪▮·…]+( \S+)*)\n")

Said = tuple[str, str]
"""The kind and the direction that an accepting light stands for, or that a record holds."""


@dataclass(slots=True)
class Life:
    """One life of a terminal's daemon, from its start to the instant when it was gone."""

    terminal: str
    began_ms: int
    """Boot time, as records carry it: no clock setting moves it."""
    shown: list[Said] = field(default_factory=list)
    """Its accepting lights in order."""
    ended_ms: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """The lights of one life against its records."""

    answered: tuple[int, ...]
    """The index of the record that each light stands for."""
    lost: int
    """Lights without a record."""
    unshown: int
    """Records without a light: one at most, committed when the kill came before its light."""


def text_of(line: str) -> str | None:
    """The words of a line that the console drew; None when it is none, or was cut off."""
    found = _LINE.fullmatch(line)
    return None if found is None else found["text"]


def accepted(text: str) -> Said | None:
    """What an accepting light stands for; None for every other cue."""
    return _ACCEPTING.get(text)


def match(shown: Sequence[Said], committed: Sequence[Said]) -> Match:
    """Find each light's record, in order."""
    answered: list[int] = []
    at = 0
    for light in shown:
        found = next((i for i in range(at, len(committed)) if committed[i] == light), None)
        if found is not None:
            answered.append(found)
            at = found + 1
    return Match(tuple(answered), len(shown) - len(answered), len(committed) - len(answered))
