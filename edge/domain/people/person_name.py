"""People's names as they are kept: real ones of any script on one line, and a screen shows what is there.

Spaces of other writing systems become plain ones. The joiners of zero width stay where a name has them, between
letters of scripts that join (Persian, Hindi): they are part of its spelling.
"""

import re
import unicodedata

MAX_NAME = 200
"""Characters."""
_SPACES = re.compile(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_JOINERS = "\u200c\u200d"


def tidy(name: str) -> str:
    """As it is kept: one plain space where there were spaces of any kind, none at the ends; composed (NFC)."""
    return unicodedata.normalize("NFC", _SPACES.sub(" ", name).strip(" "))


def problem(name: str) -> str | None:
    """What is wrong with a tidied name, and the cure; None when nothing is. Never the name itself."""
    if not name:
        return "the name is empty; give one"
    if len(name) > MAX_NAME:
        return f"the name has {len(name)} characters, and {MAX_NAME} are kept; shorten it"
    for at, character in enumerate(name):
        if character.isprintable() or _joins(name, at):
            continue
        return f"the name has {_what(character)} as its character {at + 1}; leave that out"
    return None


def is_name(name: str) -> bool:
    """Whether it can be kept, once it is tidied."""
    return problem(tidy(name)) is None


def _joins(name: str, at: int) -> bool:
    if name[at] not in _JOINERS or not 0 < at < len(name) - 1:
        return False
    return all(ord(one) > 0x7F and one.isprintable() for one in (name[at - 1], name[at + 1]))


def _what(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if character in "\n\r\u2028\u2029\x0b\x0c\x85":
        return f"a line break ({code})"
    if 0xDC80 <= ord(character) <= 0xDCFF:
        return f"a byte that is no UTF-8 (0x{ord(character) - 0xDC00:02X})"
    return f"{unicodedata.name(character, 'a control character').lower()} ({code})"
