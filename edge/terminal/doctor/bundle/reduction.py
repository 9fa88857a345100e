"""What a support bundle may say: numbers and words of this program, and no name, address, key or person.

Pure. The configuration is reduced by its types: a number, a switch and one of a few fixed words are kept, every
other text only as *set* or *not set*. In the findings' sentences, what the configuration names is replaced by the
key that names it, a person's id by a counter, and long numbers and unknown texts by a mark.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

from edge.config import Loaded
from edge.config_schema import Config
from edge.domain.doctor import DoctorFinding

_KEPT = frozenset({
    "state", "alarms", "version", "python", "running", "size", "by", "file_system", "throttled",
})  # fmt: skip
"""Measured texts that are words of this program or of the kernel."""
_WORD = re.compile(r"[A-Za-z0-9_.+ -]{0,200}")
_PERSON = re.compile(r"\b[a-z2-7]{26}\b")
_MARKED = (
    (re.compile(r"/home/[^/\s'\"`]+"), "/home/<user>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-fA-F]{16,}\b"), "<hex>"),
    (re.compile(r"[A-Za-z0-9+/=_-]{40,}"), "<text>"),
    (re.compile(r"\buid[: ]?[0-9]+"), "uid <number>"),
    (re.compile(r"\bserial \S+"), "serial <number>"),
    (re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.])"), "<address>"),
    (re.compile(r"\b[0-9a-fA-F]{1,4}(?:::[0-9a-fA-F:]*|(?::[0-9a-fA-F]{0,4}){3,})"), "<address>"),
)
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"")
"""A text in quotation marks: what somebody wrote, or one of the configuration's fixed words."""
_SHORTEST = 2
"""Configured texts with fewer characters are not looked for in sentences: they would be found by chance."""


class Reducer:
    """Reduces everything about one terminal. The same person is the same counter throughout."""

    def __init__(self, loaded: Loaded | None, user: str | None = None) -> None:
        """`loaded` is None when the configuration cannot be used: then its file is not part of a bundle at all.
        `user` is the name of the account that owns the files, where that may be a person's.
        """
        self._persons: dict[str, str] = {}
        self._words = {word for words in _fixed_words().values() for word in words}
        named = [] if loaded is None else _named(loaded)
        named += [(user, "user")] if user else []
        self._names = [
            (re.compile(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])"), f"<{key}>")
            for value, key in sorted(named, key=lambda pair: -len(pair[0]))
        ]

    def finding(self, finding: DoctorFinding) -> dict[str, Any]:
        """A finding as it may leave the terminal."""
        dropped = [str(v) for name, v in finding.measured.items() if isinstance(v, str) and not _is_kept(name, v)]
        measured = {
            name: value
            for name, value in finding.measured.items()
            if not isinstance(value, str) or _is_kept(name, value)
        }
        said, mend = (self.text(_without(text, dropped)) for text in (finding.said, finding.mend))
        return {**finding.as_json(), "said": said, "mend": mend, "measured": measured}

    def text(self, text: str) -> str:
        """A sentence without names, addresses, keys and persons."""
        text = _PERSON.sub(lambda found: self._counter(found[0]), text)
        for pattern, mark in (*self._names, *_MARKED):
            text = pattern.sub(mark, text)
        return _QUOTED.sub(lambda found: found[0] if found[0][1:-1] in self._words else "<quoted>", text)

    def _counter(self, person: str) -> str:
        return self._persons.setdefault(person, f"person-{len(self._persons) + 1}")


def configuration(rows: Iterable[tuple[str, object, str]]) -> dict[str, dict[str, object]]:
    """The configuration's rows, as `Loaded.rows` gives them, without any text that a person chose."""
    words = _fixed_words()
    return {
        key: {
            "value": value if _is_number(value) or value in words.get(key, ()) else _is_set(value),
            "source": source,
        }
        for key, value, source in rows
    }


def status(said: Mapping[str, Any]) -> dict[str, Any]:
    """The running service's answer to `status`, without the names of site and terminal."""
    counters, journal = said.get("counters"), said.get("journal")
    return {
        **{name: said[name] for name in ("state", "version") if _is_word(said.get(name))},
        **{name: [one for one in said[name] if _is_word(one)] for name in ("alarms", "models")
           if isinstance(said.get(name), list)},
        "counters": _numbers(counters),
        "journal": _numbers(journal),
    }  # fmt: skip


def _numbers(said: object) -> dict[str, int | float]:
    found = said.items() if isinstance(said, dict) else ()
    return {name: value for name, value in found if isinstance(value, int | float) and _is_word(name)}


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None and _PERSON.search(value) is None


def _is_kept(name: str, value: str) -> bool:
    return name in _KEPT and _is_word(value)


def _without(text: str, names: Iterable[str]) -> str:
    for name in names:
        if len(name) >= _SHORTEST:
            text = text.replace(name, "<name>")
    return text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _is_set(value: object) -> str:
    return "(set)" if value else "(not set)"


def _fixed_words() -> dict[str, tuple[object, ...]]:
    """The words from which a key takes its value, by key."""
    found = {}
    for section, hint in get_type_hints(Config).items():
        kinds = [kind for kind in (*get_args(hint), hint) if isinstance(kind, type) and issubclass(kind, Struct)]
        for field, of in get_type_hints(kinds[0]).items():
            if get_origin(of) is Literal:
                found[f"{section}.{field}"] = get_args(of)
    return found


def _named(loaded: Loaded) -> list[tuple[str, str]]:
    """Every text that somebody chose in the configuration, with its key; and the path of the file."""
    words = _fixed_words()
    rows = [
        (value, key)
        for key, value, source in loaded.rows()
        if isinstance(value, str) and source == "file" and value not in words.get(key, ())
    ]
    paths = [(str(loaded.source), "configuration"), (str(loaded.source.parent), "folder")]
    return [pair for pair in (*rows, *paths) if len(pair[0]) >= _SHORTEST]
