"""The service's log without anything personal: each line is replaced by the words of the program that made it.

A line of the log may name a person's id or quote what somebody typed. So no text of a line is passed on. The
program's own source says which texts it logs; a line that fits one of them is counted under that text, with a … for
each value.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import edge

_TEXT_AT = {
    **dict.fromkeys(("debug", "info", "warning", "error", "critical", "exception"), 0),
    "log": 1,
    "end": 1,
    "begin": 2,
}
"""Which argument is the text: of a logger's methods, and of `Alarms`."""
_VALUE = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]")
_LOGGER = re.compile(r"(edge(?:\.[a-z_0-9]+)*): (.*)", re.DOTALL)
_LONGEST = 4_000
_SHORTEST = 8
"""Fewest letters of its own that a text must have to be told from others."""
JOURNALCTL = ("journalctl", "--unit=smartclocker", "--output=json", "--lines=2000", "--no-pager")
MOST_LOG = 8_000_000


@dataclass(frozen=True, slots=True)
class LogShape:
    """One text that the program logs, cut at its values."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text with … in place of each value."""
        return "…".join(self.parts)

    def fits(self, line: str) -> bool:
        """Whether the line is this text with some values."""
        first, *rest = self.parts
        if not rest:
            return line == first
        last = rest.pop()
        if len(line) < len(first) + len(last) or not (line.startswith(first) and line.endswith(last)):
            return False
        at, end = len(first), len(line) - len(last)
        for part in rest:
            found = line.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True


def shapes(package: Path = Path(edge.__file__).parent) -> list[LogShape]:
    """Every text that the program logs, those with the most words of their own first."""
    found = {shape for path in sorted(package.rglob("*.py")) for shape in _of(path)}
    return sorted(found, key=lambda shape: (-sum(map(len, shape.parts)), shape.parts))


def reduced(lines: Iterable[str], known: Iterable[LogShape]) -> dict[str, Any]:
    """The lines of `journalctl --output=json` by text: how often, and when last. Other lines are only counted."""
    known = list(known)
    counts: dict[str, dict[str, Any]] = {}
    unknown = 0
    for line in lines:
        said = _parsed(line)
        if said is None:
            continue
        message, priority, at = said
        shape = next((one for one in known if one.fits(message)), None)
        if shape is None:
            unknown += 1
            continue
        row = counts.setdefault(shape.text, {"text": shape.text, "times": 0})
        row.update(times=row["times"] + 1, priority=priority, last=at)
    return {"lines": list(counts.values()), "other_lines": unknown}


def _parsed(line: str) -> tuple[str, int | None, str | None] | None:
    """Message without the logger's name, priority and instant; None for what the program did not log."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    message = entry.get("MESSAGE") if isinstance(entry, dict) else None
    found = _LOGGER.fullmatch(message[:_LONGEST]) if isinstance(message, str) else None
    if found is None:
        return None
    priority, micros = str(entry.get("PRIORITY", "")), str(entry.get("__REALTIME_TIMESTAMP", ""))
    at = None
    if re.fullmatch(r"[0-9]{1,16}", micros):
        at = f"{datetime.fromtimestamp(int(micros) / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return found[2], int(priority) if re.fullmatch(r"[0-7]", priority) else None, at


def _of(path: Path) -> Iterator[LogShape]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError):
        return
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        at = _TEXT_AT.get(node.func.attr)
        if at is None or len(node.args) <= at:
            continue
        text = node.args[at]
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            parts = tuple(part.replace("%%", "%") for part in _VALUE.split(text.value))
            if sum(map(len, parts)) >= _SHORTEST:
                yield LogShape(parts)
