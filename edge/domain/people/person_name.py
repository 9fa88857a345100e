"""People's names as they are kept: on one line, in any script, and a screen shows all of it.

Spaces of other writing systems become plain ones. Joiners of zero width stay where a name has them, between letters
of scripts that join (Persian, Hindi): they are part of its spelling.
"""

import re
import unicodedata

MAX_NAME = 200
"""Most characters of a name."""
_SPACES = re.compile(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_JOINERS = "\u200c\u200d"


def tidy(name: str) -> str:
    """The name as it is kept: one plain space for spaces of any kind, none at the ends; composed (NFC)."""
    return unicodedata.normalize("NFC", _SPACES.sub(" ", name).strip(" "))


def problem(name: str) -> str | None:
    """The problem with a tidied name, and the cure, without the name itself; None when there is no problem."""
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
    """Whether the name can be kept, once it is tidied."""
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
