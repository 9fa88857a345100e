"""Setting keys in a configuration that a person wrote: by lines, so that comments and all other lines stay.

The result is read again and compared: where lines cannot be edited safely, nothing is changed, and the text says
what to write by hand.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from edge.errors import ClaimRefused

Wanted = Mapping[tuple[str, str], str | int]
"""For each section and key the value that it is to have."""
_HEADER = re.compile(r"\s*\[(?P<name>[^\[\]]+)\]\s*(?:#.*)?")
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"']+)"""


def with_keys(text: str, wanted: Wanted) -> str:
    """The text in which each of the keys has its value. Raises ClaimRefused if it cannot be made so."""
    before = tomllib.loads(text)
    # not splitlines, which also ends lines at characters that TOML allows within one
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    for (section, key), value in wanted.items():
        if _at(before, section, key) != value:
            _set(lines, section, key, json.dumps(value, ensure_ascii=False))
    made = "\n".join(lines) + "\n"
    if not _is_as_wanted(before, made, wanted):
        rows = "; ".join(f"[{section}] {key} = {json.dumps(value)}" for (section, key), value in wanted.items())
        raise ClaimRefused(
            f"the configuration cannot be edited line by line, as it is written; put this there yourself: {rows}"
        )
    return made


def _set(lines: list[str], section: str, key: str, value: str) -> None:
    start = next((n for n, line in enumerate(lines) if _names(line, section)), None)
    if start is None:
        lines += ["", f"[{section}]", f"{key} = {value}"]
        return
    following = range(start + 1, len(lines))
    end = next((n for n in following if _HEADER.fullmatch(lines[n]) or lines[n].startswith("[[")), len(lines))
    given = re.compile(rf"(\s*{re.escape(key)}\s*=\s*){_VALUE}(\s*(?:#.*)?)")
    for number in range(start + 1, end):
        if (found := given.fullmatch(lines[number])) is not None:
            lines[number] = f"{found[1]}{value}{found[2]}"
            return
    default = re.compile(rf"#\s*{re.escape(key)}\s*=.*")
    place = next((n + 1 for n in range(start + 1, end) if default.fullmatch(lines[n])), start + 1)
    lines.insert(place, f"{key} = {value}")


def _names(line: str, section: str) -> bool:
    found = _HEADER.fullmatch(line)
    return found is not None and found["name"].strip() == section


def _is_as_wanted(before: dict[str, Any], made: str, wanted: Wanted) -> bool:
    """Whether the made text holds what there was before and the wanted keys, and nothing else."""
    try:
        after = tomllib.loads(made)
    except tomllib.TOMLDecodeError:
        return False
    expected = {name: dict(table) if isinstance(table, dict) else table for name, table in before.items()}
    for (section, key), value in wanted.items():
        table = expected.setdefault(section, {})
        if not isinstance(table, dict):
            return False
        table[key] = value
    return after == expected


def _at(document: Mapping[str, Any], section: str, key: str) -> object:
    table = document.get(section)
    return table.get(key) if isinstance(table, dict) else None
