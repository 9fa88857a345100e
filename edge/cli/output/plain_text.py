"""Makes text from elsewhere safe to print. A record, a file or a broker may contain characters that control a
screen.

A terminal that signs an escape sequence or a line break must not be able to clear an audit, or to add lines to it.
"""

import contextlib
import sys
import unicodedata
from collections.abc import Iterator
from typing import IO, Any

_JOINERS = "\u200c\u200d"
"""Zero-width characters that are part of people's names in Persian and Hindi."""
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories of characters that a screen acts on or does not show: controls, direction marks, line
separators.
"""


def shown(value: object, keep: str = "") -> str:
    """The value on one line. Control characters, except those in `keep`, are shown by their numbers."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(one if one in keep or not _is_obeyed(one) else _number(one) for one in text)


def say(line: str, *, flush: bool = False) -> None:
    """Prints one line with `shown`."""
    print(shown(line), flush=flush)


@contextlib.contextmanager
def plain_output() -> Iterator[None]:
    """Inside the block, control characters on standard output are shown by their numbers, except line ends."""
    with contextlib.redirect_stdout(_Plain(sys.stdout)):
        yield


class _Plain:
    """A stream that passes its text through `shown`."""

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
