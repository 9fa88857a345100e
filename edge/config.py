"""The configuration: one TOML file, strict, read once.

All problems are reported together, each with the path of its key, the allowed values, and *did you mean*. Nothing
in the environment overrides the file. It holds no secrets: it names the files, or systemd credentials, that hold
them. A value that a measurement has settled is a constant in the code and not an option here.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from edge import config_rules, toml_text
from edge.config_schema import CREDENTIAL, Config
from edge.errors import ConfigError

_ORIGINS = {
    "identity": "`smartclocker keys create` makes it",
    "storage": "`smartclocker keys create` makes it",
    "tls-key": "`smartclocker claim` makes it",
}
CREDENTIAL_SOURCE = Path("/etc/smartclocker/keys")
"""The folder from which the unit's LoadCredential= takes the credentials. Only root can read it; it is for commands
that root runs by hand.
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and the source of each value."""

    config: Config
    source: Path
    given: frozenset[str]
    """The dotted paths of the keys that the file sets; the others are defaults."""

    def rows(self) -> Iterator[tuple[str, object, str]]:
        """(key, effective value, 'file' or 'default') in the order of the schema."""
        for section in Config.__struct_fields__:
            values = getattr(self.config, section)
            for field in () if values is None else values.__struct_fields__:
                key = f"{section}.{field}"
                yield key, getattr(values, field), "file" if key in self.given else "default"


def load(source: Path) -> Loaded:
    """Read and check a file. Raises ConfigError, which lists every problem in it."""
    try:
        document = toml_text.read(source)
    except FileNotFoundError:
        raise ConfigError(
            str(source), ["no such file: copy provisioning/config.example.toml there and edit it"]
        ) from None
    except OSError as error:
        cure = "it must be a file that this user may read"
        raise ConfigError(str(source), [f"cannot be read: {error.strerror}; {cure}"]) from error
    except ValueError as error:
        raise ConfigError(str(source), [str(error)]) from error
    return check(document, source)


def check(document: Mapping[str, Any], source: Path) -> Loaded:
    """Check a parsed document; its relative paths begin at the folder of `source`. Raises ConfigError."""
    problems: list[str] = list(_unknown("", document, Config.__struct_fields__))
    sections: dict[str, Any] = {}
    given: set[str] = set()
    for section, hint in _sections():
        if section not in document:
            if hint.required:
                problems.append(f"[{section}]: is missing: it must name {', '.join(_required(hint.type))}")
            continue
        table = document[section]
        if not isinstance(table, dict):
            problems.append(f"{section}: must be a table: write [{section}] on a line of its own")
            continue
        values, found = _section(section, hint.type, table)
        problems += found
        given |= {f"{section}.{key}" for key in values}
        if not found:
            sections[section] = hint.type(**values)
    if not problems:
        config = Config(**sections)
        problems += config_rules.problems(config)
        config = _absolute(config, source.parent)
    if problems:
        raise ConfigError(str(source), problems)
    return Loaded(config, source, frozenset(given))


def credential(path: str, directory: str | None = None, source: Path = CREDENTIAL_SOURCE) -> Path:
    """The file behind a key path; `credential:NAME` is looked up in systemd's $CREDENTIALS_DIRECTORY.

    Outside of a service it is the file in the folder `source`, from which systemd would have taken it. Raises
    ConfigError when the process has no credentials and that file is absent, or this user has no right to see it.
    """
    if not path.startswith(CREDENTIAL):
        return Path(path)
    name = path.removeprefix(CREDENTIAL)
    base = directory if directory is not None else os.environ.get("CREDENTIALS_DIRECTORY")
    if base:
        return Path(base) / name
    try:
        there = (source / name).exists()
    except PermissionError:
        there = False
    if there:
        return source / name
    origin = _ORIGINS.get(name, "put the file there")
    cure = f"run it as root, with {source / name} in place ({origin}), or name a file path"
    raise ConfigError(path, [f"{path}: this process was given no systemd credentials: {cure}"])


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Control characters: none of our paths or names has one, and the kernel accepts no path with a NUL."""


@dataclass(frozen=True, slots=True)
class _Hint:
    type: type[Struct]
    required: bool


def _sections() -> Iterator[tuple[str, _Hint]]:
    for field in msgspec.structs.fields(Config):
        kind = next(part for part in (get_args(field.type) or (field.type,)) if part is not type(None))
        yield field.name, _Hint(kind, field.required)


def _required(section: type[Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(section) if field.required]


def _section(name: str, section: type[Struct], table: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    problems = list(_unknown(f"{name}.", table, section.__struct_fields__))
    values: dict[str, Any] = {}
    hints = get_type_hints(section, include_extras=True)
    for key in section.__struct_fields__:
        if key not in table:
            if key in _required(section):
                problems.append(f"{name}.{key}: is missing; {_allowed(hints[key])}")
            continue
        try:
            values[key] = msgspec.convert(table[key], hints[key])
        except msgspec.ValidationError:
            problems.append(f"{name}.{key}: {toml_text.written(table[key])} is not allowed; {_allowed(hints[key])}")
            continue
        if isinstance(values[key], str) and _CONTROL.search(values[key]):
            problems.append(f"{name}.{key}: {toml_text.written(table[key])} is not allowed; it must be one line")
    return values, problems


def _unknown(prefix: str, table: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"known here: {', '.join(known)}"
            yield f"{prefix}{toml_text.key(key)}: unknown key; {hint}"


def _allowed(hint: Any) -> str:
    """The allowed values of a key, in words."""
    kind, *metas = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if get_origin(kind) is Literal:
        return "it must be one of " + ", ".join(
            f'"{word}"' if isinstance(word, str) else str(word) for word in get_args(kind)
        )
    a_kind = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(kind, str(kind))
    meta = metas[0] if metas else Meta()
    if meta.ge is not None and meta.le is not None:
        return f"it must be {a_kind} from {meta.ge} to {meta.le}"
    if meta.description:
        return f"it must be {meta.description}"
    if meta.max_length is not None:
        return f"it must be {a_kind} of {meta.min_length} to {meta.max_length} characters"
    return f"it must be {a_kind}"


def _absolute(config: Config, base: Path) -> Config:
    for section, keys in config_rules.PATHS:
        values = getattr(config, section)
        if values is None:
            continue
        paths = {key: getattr(values, key) for key in keys}
        moved = {key: str(base / path) for key, path in paths.items() if path and not path.startswith(CREDENTIAL)}
        config = msgspec.structs.replace(config, **{section: msgspec.structs.replace(values, **moved)})
    return config
