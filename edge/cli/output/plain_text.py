"""What others wrote, as plain text: a record, a file or a broker may say anything, and a screen obeys some of it.

A terminal that signs an escape sequence or a line of its own must not be able to clear an audit, or to add to it.
"""

import contextlib
import sys
import unicodedata
from collections.abc import Iterator
from typing import IO, Any

_JOINERS = "\u200c\u200d"
"""Zero width, and part of people's names in Persian and Hindi."""
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode's categories of what a screen acts upon or does not show: controls, marks of direction, other lines."""


def shown(value: object, keep: str = "") -> str:
    """A value on one line; what a screen would obey is told by its number, but for the characters in `keep`."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(one if one in keep or not _is_obeyed(one) else _number(one) for one in text)


def say(line: str, *, flush: bool = False) -> None:
    """Print one line."""
    print(shown(line), flush=flush)


@contextlib.contextmanager
def plain_output() -> Iterator[None]:
    """Nothing but text and the ends of its lines reaches the standard output meanwhile."""
    with contextlib.redirect_stdout(_Plain(sys.stdout)):
        yield


class _Plain:
    """A stream that writes what `shown` leaves."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(shown(text, keep="\n"))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _is_obeyed(character: str) -> bool:
    return unicodedata.category(character) in _OBEYED and character not in _JOINERS


def _number(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
