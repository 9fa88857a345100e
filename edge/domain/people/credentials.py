"""Credentials, the ways in without a face: a badge's number, or a staff number and its PIN.

Pure: the text of a reader becomes a number or nothing, a PIN is judged when it is chosen, and failures cost time.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

MIN_PIN, MAX_PIN = 6, 12
"""Digits of a PIN. NIST SP 800-63B-4, 3.1.1, asks for at least 6 where the number of tries is limited."""
FREE_FAILURES = 5
"""Failures before the first pause (the same section): of one person in a row, or within ten minutes at one
keypad.
"""
FREE_UNKNOWN, SLOW_MS = 10, 5_000
"""Different unknown badges within ten minutes, after which one is answered each five seconds. It is no pause,
because people with a badge must not wait for somebody who tries others.
"""
HELD_MS = 3_000
"""Time within which the same badge is still one reading: readers repeat a card that is held to them."""
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 30_000, 3_600_000
"""The first pause; each further failure doubles it."""
_NUMBER = re.compile(r"[0-9A-Z]{3,40}")
_HEX_PREFIX = re.compile(r"\A0X(?=[0-9A-F]{6,14}\Z)")
"""Prefix of hex as people write it; no reader sends it."""
_PIN = re.compile(rf"[0-9]{{{MIN_PIN},{MAX_PIN}}}")


class Token(StrEnum):
    """Kinds of credentials beside a face."""

    BADGE = "badge"
    """A card or fob; its holder is let in."""
    NUMBER = "number"
    """A typed staff number: it names the person, and the PIN proves it."""


@dataclass(frozen=True, slots=True)
class Read:
    """The text that a reader read. It is not trusted, and it is never printed."""

    source: Token
    """BADGE from a card reader, NUMBER from a keypad: a badge's number that is typed opens nothing."""
    text: str

    def __repr__(self) -> str:
        """Shows nothing of the text, because it may end up in a log."""
        return f"Read({self.source}, ...)"


def number(text: str) -> str | None:
    """The number as it is stored and looked up, in capitals and digits alone; None when `text` holds none.

    Readers send the same card with different spaces, dashes, colons and capitals.
    """
    bare = _HEX_PREFIX.sub("", re.sub(r"[\s:.-]", "", text).upper())
    return bare if _NUMBER.fullmatch(bare) else None


def number_problem(kind: Token, text: str) -> str:
    """Why a text is no number, and what to give instead; without the text itself."""
    if re.fullmatch(r"\s*[0-9]+\s*[,/;+]\s*[0-9]+\s*", text):
        return (
            "that is a facility and a card's number: give the one long number that the reader sends, most often "
            "printed before it; `smartclocker people card` shows what the reader sends"
        )
    return f"that is no {kind}: 3 to 40 letters and digits; `smartclocker people card` shows what the reader sends"


def pin_problem(pin: str) -> str | None:
    """The problem with a chosen PIN; None when there is none."""
    if _PIN.fullmatch(pin) is None:
        return f"a PIN has {MIN_PIN} to {MAX_PIN} digits"
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        return "a PIN of one digit, or of digits in their order, is the first that anyone tries; take another"
    return None


def pause_ms(failures: int) -> int:
    """Length of the pause of one person's PIN after so many failures in a row."""
    beyond = failures - FREE_FAILURES
    return 0 if beyond < 0 else min(FIRST_PAUSE_MS << min(beyond, 20), LONGEST_PAUSE_MS)
