"""JSON that every reader understands the same way, which RFC 8259 leaves open and I-JSON (RFC 7493) closes.

UTF-8 without a byte order mark, no key twice, no number that is not finite, no integer that a double cannot hold,
no lone surrogate, no deep nesting. Two readers that differ on a document could be made to act differently on one
signature.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from edge.errors import RecordError

MAX_INTEGER = 2**53
"""RFC 8785 and every JavaScript reader lose integers beyond it."""
MAX_DEPTH = 16
"""Objects and lists within each other. Without it each reader's own stack sets a limit: Python's by its version."""


def parse_object(raw: bytes, limit: int) -> dict[str, Any]:
    """The object that a document of at most `limit` bytes holds. Raises RecordError."""
    if len(raw) > limit:
        raise RecordError(f"{len(raw)} bytes, more than the limit of {limit}")
    try:
        text = raw.decode("utf-8")  # left to itself, json would guess UTF-16 and let surrogates pass
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # an escape can spell what UTF-8 cannot
    except RecordError:
        raise
    except (ValueError, RecursionError) as error:  # UnicodeError is a ValueError
        raise RecordError("not a JSON document in UTF-8") from error
    if not isinstance(value, dict):
        raise RecordError("not a JSON object")
    # fewer brackets than levels cannot nest deeper, whatever is in the strings: most documents need no walk
    if text.count("{") + text.count("[") > MAX_DEPTH and _deeper_than(MAX_DEPTH, value):
        raise RecordError(f"nested more than {MAX_DEPTH} deep")
    return value


def dump(value: object) -> bytes:
    """The compact form. Raises RecordError for what JSON cannot say."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordError(f"not a JSON value: {error}") from error


def is_version(document: Mapping[str, Any], number: int = 1, name: str = "v") -> bool:
    """Whether a document says that it is of this version: by an integer, which `1.0` and `true` are not."""
    value = document.get(name)
    return type(value) is int and value == number


def _deeper_than(levels: int, value: object) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(levels - 1, one) for one in inner)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise RecordError("a key appears twice")
    return out


def _no_constant(word: str) -> None:
    raise RecordError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise RecordError("a number beyond what a double holds")
    return value


def _small_integer(digits: str) -> int:
    value = int(digits) if len(digits) <= 17 else MAX_INTEGER + 1  # never convert a megabyte of digits
    if abs(value) > MAX_INTEGER:
        raise RecordError("an integer beyond 2^53")
    return value


_DECODER = json.JSONDecoder(  # made once: `json.loads` would make one for each document
    object_pairs_hook=_no_duplicates,
    parse_constant=_no_constant,
    parse_float=_finite,
    parse_int=_small_integer,
)
