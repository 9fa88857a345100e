"""A signed document by its type: from bytes to a frozen value, and back.

The strict parser reads first, because msgspec silently drops a key that appears twice. Fields that a type does not
know are passed over, because a newer program may send more.
"""

import base64
import binascii
import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import RecordError

T = TypeVar("T")
_MISSING = object()
_NO_FAULTS: Mapping[str, str] = MappingProxyType({})
_BYTES = (bytes,)
"""Types that are bytes already. msgspec's own base64 accepts less than Python's, and older documents must stay
readable.
"""


class Document:
    """The base of every signed document. Its fields, with their types, are those of a frozen dataclass.

    In the JSON document an `origin` is the two fields `site` and `terminal`.
    """

    __slots__ = ()
    NOUN: ClassVar[str]
    """The document's name in error messages."""
    PAYLOAD_TYPE: ClassVar[str]
    """The payload type in the DSSE envelope."""
    MAX_PAYLOAD: ClassVar[int]
    """Limit of the payload, in bytes."""
    VERSION: ClassVar[str] = "v"
    """The name of the field with the version, which is 1."""
    OUTDATED: ClassVar[str] = "not version 1"
    """The text of the error about another version."""
    FAULTS: ClassVar[Mapping[str, str]] = {}
    """By field, the text of an error instead of `<NOUN>: <field> is missing or malformed`; see `first_fault`."""

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a payload. Raises RecordError for anything malformed or of another version."""
        found = convert(cls._prepared(cls._said(payload)), cls, cls.NOUN, cls.FAULTS)
        cls._judge(found)
        return found

    def encode(self) -> bytes:
        """The payload to sign. Raises RecordError for fields that no reader would accept."""
        payload = dump({self.VERSION: 1, **self._words()})
        self.decode(payload)
        return payload

    @classmethod
    def _said(cls, payload: bytes) -> Mapping[str, Any]:
        """The parsed document, which is of version 1. Raises RecordError."""
        said = cls._parsed(payload)
        if not is_version(said, 1, cls.VERSION):
            raise RecordError(f"{cls.NOUN}: {cls.OUTDATED}")
        return said

    @classmethod
    def _parsed(cls, payload: bytes) -> Mapping[str, Any]:
        return parse_object(payload, cls.MAX_PAYLOAD)

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """A document of version 1 in the form of the field types. Raises RecordError."""
        return said

    def _judge(self) -> None:
        """Raises RecordError for fields that are each well-formed and contradict each other."""

    def _words(self) -> dict[str, Any]:
        """The fields of the document without its version, in the order in which they are written."""
        words: dict[str, Any] = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type] # every Document is a dataclass
            value = getattr(self, field.name)
            if field.name == "origin":
                words |= dataclasses.asdict(value)
            else:
                words[field.name] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
        return words


def convert(said: Mapping[str, Any], kind: type[T], noun: str, faults: Mapping[str, str] = _NO_FAULTS) -> T:
    """A parsed document as a value of a type. Raises RecordError, which names the first malformed field."""
    placed = {**said, "origin": said}
    try:
        return msgspec.convert(placed, kind, builtin_types=_BYTES)
    except msgspec.ValidationError as error:
        place = first_fault(placed, kind).removeprefix("origin.")
        name = place.partition(".*")[0]
        raise RecordError(faults.get(place) or f"{noun}: {name} is missing or malformed") from error


def fits(value: object, kind: Any) -> bool:
    """Whether a value is of a field's type."""
    try:
        msgspec.convert(value, kind, builtin_types=_BYTES)
    except msgspec.ValidationError:
        return False
    return True


def first_fault(value: object, kind: Any) -> str:
    """The place of the first fault in a value, in the order of the type's fields; "" for the value itself.

    A field within a field is written after a dot. `*` stands for an item of a list or a value of an object.
    """
    for name, one, hint in _parts(value, get_args(kind)[0] if get_origin(kind) is Annotated else kind):
        if one is _MISSING:
            return name
        if not fits(one, hint):
            return name if hint is kind else f"{name}.{first_fault(one, hint)}".rstrip(".")
    return ""


def _parts(value: object, kind: Any) -> Iterator[tuple[str, object, Any]]:
    """The parts of a value according to its type: name, value and type of each."""
    outer, inner = get_origin(kind), get_args(kind)
    if (dataclasses.is_dataclass(kind) or hasattr(kind, "__struct_fields__")) and isinstance(value, Mapping):
        for name, hint, required in _fields(kind):
            if required or name in value:
                yield name, value.get(name, _MISSING), hint
    elif outer is Mapping and isinstance(value, Mapping):
        yield from (("*", {key: one}, kind) for key, one in value.items())
    elif (outer is list or ... in inner) and isinstance(value, list):
        yield from (("*", one, inner[0]) for one in value)
    elif outer is tuple and isinstance(value, list) and len(value) == len(inner):
        yield from ((str(number), one, hint) for number, (one, hint) in enumerate(zip(value, inner, strict=True)))


@cache
def _fields(kind: Any) -> list[tuple[str, Any, bool]]:
    """The fields of a dataclass or Struct: name, type, and whether it must be there."""
    hints = get_type_hints(kind, include_extras=True)
    info: Any = msgspec.inspect.type_info(kind)
    return [(field.encode_name, hints[field.name], field.required) for field in info.fields]


def unpacked(said: Mapping[str, Any], name: str) -> bytes | None:
    """The bytes of a base64 field; None when it is missing or not base64."""
    value = said.get(name)
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None


def judge_lifetime(issued: str, expires: str, noun: str, longest: timedelta) -> None:
    """Raises RecordError unless `expires` comes after `issued` (both instants), and within `longest`."""
    if not timedelta(0) < datetime.fromisoformat(expires) - datetime.fromisoformat(issued) <= longest:
        raise RecordError(f"{noun}: it must expire after it was issued, and within {longest.days} days")
