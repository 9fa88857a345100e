"""The reader of TOML files that people write: bounded, and each fault is named in the words of the file."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from edge.storage.bounded_read import read_at_most

MAX_BYTES = 1_000_000
"""Bytes. A configuration has a few thousand; a larger file is not a configuration."""
_SHOWN = 80
"""Characters of a value that a message repeats."""
_BARE = re.compile(r"[A-Za-z0-9_-]{1,80}")
_LINE = re.compile(r"at line ([0-9]+)")
_TABLE = re.compile(r"Cannot (?:declare|mutate immutable namespace) \((.*)\)")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8 = "save it as UTF-8 text"


def read(path: Path) -> dict[str, Any]:
    """The document. Raises ValueError, FileNotFoundError or another OSError; the text tells the problem with its
    cure.

    A byte order mark, which some editors write, is accepted.
    """
    content = _bytes(path)
    if content.startswith(_UTF16):
        raise ValueError(f"cannot be read: it is UTF-16 text; {_UTF8}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"cannot be read: line {line} is not UTF-8 text; {_UTF8}") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not TOML: {_named(str(error), text)}") from None
    except RecursionError:
        raise ValueError("is not TOML that can be used: brackets are nested too deeply; remove them") from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise ValueError("is not TOML that can be used: it holds a number that is far too long") from None


def written(value: object) -> str:
    """A value as the file writes it, shortened, for a message."""
    if isinstance(value, bool | list | dict):
        text = json.dumps(value, default=str, ensure_ascii=False)
    else:
        text = repr(value) if isinstance(value, str | int | float) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def key(name: str) -> str:
    """A key for a message: quoted where TOML needs quotes, and shortened."""
    return name if _BARE.fullmatch(name) else written(name)


def _bytes(path: Path) -> bytes:
    content = read_at_most(path, MAX_BYTES)
    if len(content) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES:,} bytes, so it is not a configuration; correct the path")
    return content


def _named(error: str, text: str) -> str:
    """The parser's error with the name of the key: tomllib gives only the place, and people look for the key."""
    if (table := _TABLE.match(error)) is not None:
        name = ".".join(re.findall(r"'([^']*)'", table[1]))
        return f"[{name}] is there twice; write its keys under one of them ({error})"
    if error.startswith("Cannot overwrite") and (line := _LINE.search(error)) is not None:
        before = text.split("\n")[: int(line[1])]
        key = next((part.split("=")[0].strip() for part in reversed(before) if "=" in part), "a key")
        return f"{key} is there twice, the second time at line {line[1]}; remove one of them"
    return error
