"""One person's roster entry, as the bytes that are encrypted. They are padded, so that their length tells little.

The bytes are: four with the length of a JSON document, the document, the templates as float32, and zeros up to one
of a few sizes. A person who gives no face has a name and a badge or a PIN, and nothing biometric.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from edge.domain.face import Floats
from edge.domain.people import credentials
from edge.domain.people.consent import Consent
from edge.domain.people.credentials import Token
from edge.domain.people.person_name import MAX_NAME, is_name
from edge.domain.recognition.gallery import are_unit
from edge.domain.strict_json import MAX_INTEGER, dump, is_version, parse_object
from edge.domain.time.instant import is_rfc3339
from edge.errors import RecordError

SIZES = (4_096, 8_192, 16_384, 22_528)
"""Bytes. Three templates of 512 numbers fit into the second, ten into the last."""
FACELESS_SIZE = SIZES[2]
"""The size of an entry without a face: that of three photographs or a camera enrolment with the shipped models, so
that the size does not reveal who gave no face.
"""
MAX_DOCUMENT = 8_192
WITHOUT_CONSENT = 2
"""The `v` of the document of a person who never consented to the use of their face. In all others it is 1, and left
out.
"""
MAX_TEMPLATES = 32
MAX_TOKENS = 8
MAX_PIN_KIB = 65_536
"""KiB of memory that checking a PIN may take. The writer of the digest chose it, and it must not exhaust a
terminal.
"""
_MODEL = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_PIN_HASH = re.compile(r"\$argon2id\$v=19\$m=([1-9][0-9]{0,5}),t=([1-9]),p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}")
_FLAGS = ("age_attested", "employer_agreed")


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One person of the roster."""

    name: str
    consent: Consent | None
    """The consent to the use of the face; None for a person who never gave one."""
    templates: Mapping[str, Floats]
    """By model id, shape (k, d), rows are unit vectors; empty without a consent, or after its withdrawal (I9)."""
    restricted: bool = False
    """Whether the person's data are kept and not used."""
    tokens: tuple[tuple[Token, str], ...] = ()
    """Badges and staff numbers."""
    pin: str | None = None
    """The PIN's Argon2id digest in libsodium's format."""
    objected: bool = False
    """Whether the person objected. Only the person can end that."""
    content: int = 1
    """A number that grows when any field above changes, and not when the entry is only encrypted again."""


def contradiction(member: Member) -> str | None:
    """Why no person may be kept with these fields; None when they are allowed. The terminal's policy decides
    whether the consent is valid.
    """
    if member.templates and (member.consent is None or member.consent.withdrawn_at is not None):
        return "a face, and no consent to it"
    if not member.templates and not member.tokens and member.pin is None:
        return "neither a face nor a badge, staff number or PIN; give them one"
    return None


def encode_member(member: Member) -> bytes:
    """The plaintext, of one of SIZES bytes. Raises RecordError for fields that do not fit or that no reader would
    accept.
    """
    rows = {model: np.ascontiguousarray(matrix, "<f4") for model, matrix in sorted(member.templates.items())}
    document = dump(
        {
            **({"v": WITHOUT_CONSENT} if member.consent is None else {}),
            "name": member.name,
            "content": member.content,
            "consent": None if member.consent is None else asdict(member.consent),
            "templates": [[model, *matrix.shape] for model, matrix in rows.items()],
            "restricted": member.restricted,
            **({"objected": True} if member.objected else {}),
            "tokens": [[str(kind), number] for kind, number in sorted(member.tokens)],
            "pin": member.pin,
        }
    )
    plain = len(document).to_bytes(4, "big") + document + b"".join(matrix.tobytes() for matrix in rows.values())
    least = len(plain) if rows else FACELESS_SIZE
    size = next((size for size in SIZES if size >= max(least, len(plain))), None)
    if size is None:
        raise RecordError(
            f"the person has {len(plain)} bytes, and {SIZES[-1]} fit into the roster; enrol with fewer photographs"
        )
    padded = plain.ljust(size, b"\0")
    decode_member(padded)
    return padded


def decode_member(padded: bytes) -> Member:
    """The member in a plaintext. Raises RecordError for anything malformed."""
    length = int.from_bytes(padded[:4], "big")
    if len(padded) not in SIZES or not 0 < length <= MAX_DOCUMENT:
        raise RecordError("roster member: not of one of the sizes, or without a document")
    document = parse_object(padded[4 : 4 + length], MAX_DOCUMENT)
    templates, rest = _templates(document.get("templates"), padded[4 + length :])
    if rest.strip(b"\0"):
        raise RecordError("roster member: something follows the templates")
    name, content, restricted = document.get("name"), document.get("content"), document.get("restricted")
    if not isinstance(name, str) or len(name) > MAX_NAME or not is_name(name):
        raise RecordError("roster member: the name is missing or not one line")
    if not isinstance(content, int) or isinstance(content, bool) or not 1 <= content <= MAX_INTEGER:
        raise RecordError("roster member: content is missing or malformed")
    objected = document.get("objected", False)
    if not isinstance(restricted, bool) or not isinstance(objected, bool) or objected > restricted:
        raise RecordError("roster member: restricted is missing or malformed, or objected without it")
    tokens, pin = _tokens(document.get("tokens", [])), document.get("pin")
    if pin is not None and not _is_digest(pin):
        raise RecordError("roster member: the PIN's digest is malformed, or needs more memory than a terminal has")
    member = Member(name, _consent(document), templates, restricted, tokens, pin, objected, content)
    wrong = contradiction(member)
    if wrong is not None:
        raise RecordError(f"roster member: {wrong}")
    return member


def _is_digest(value: Any) -> bool:
    found = _PIN_HASH.fullmatch(value) if isinstance(value, str) else None
    return found is not None and int(found[1]) <= MAX_PIN_KIB


def _tokens(listed: Any) -> tuple[tuple[Token, str], ...]:
    if not isinstance(listed, list) or len(listed) > MAX_TOKENS:
        raise RecordError(f"roster member: more than {MAX_TOKENS} badges, or no list of them")
    found = []
    for one in listed:
        if not isinstance(one, list) or len(one) != 2 or not all(isinstance(part, str) for part in one):
            raise RecordError("roster member: a badge is not [kind, number]")
        if one[0] not in set(Token):
            raise RecordError("roster member: a badge of an unknown kind")
        if credentials.number(one[1]) != one[1]:
            raise RecordError("roster member: a badge's number is malformed")
        found.append((Token(one[0]), one[1]))
    return tuple(found)


def _templates(listed: Any, raw: bytes) -> tuple[dict[str, Floats], bytes]:
    if not isinstance(listed, list):
        raise RecordError("roster member: templates are missing")
    found: dict[str, Floats] = {}
    for one in listed:
        if not isinstance(one, list) or len(one) != 3 or not _is_model(one[0]) or one[0] in found:
            raise RecordError("roster member: a template is not [model, count, length]")
        model, count, length = one
        if not _within(count, MAX_TEMPLATES) or not _within(length, 4_096) or 4 * count * length > len(raw):
            raise RecordError("roster member: templates of an impossible shape")
        size = 4 * count * length
        matrix = np.frombuffer(raw[:size], "<f4").astype(np.float32).reshape(count, length)
        with np.errstate(all="ignore"):  # the bytes may hold anything: a row that overflows is not a unit vector
            unit = are_unit(matrix)
        if not unit:
            raise RecordError("roster member: templates are not unit vectors")
        found[model], raw = matrix, raw[size:]
    return found, raw


def _consent(document: Mapping[str, Any]) -> Consent | None:
    said = document.get("consent")
    if is_version(document, WITHOUT_CONSENT) and "consent" in document and said is None:
        return None
    if not is_version({"v": 1, **document}):
        raise RecordError("roster member: of another version, or its consent does not fit its version")
    names = {field.name for field in fields(Consent)}
    if not isinstance(said, dict) or set(said) != names:
        raise RecordError("roster member: the consent is missing or malformed")
    texts = names - {*_FLAGS, "withdrawn_at"}
    withdrawn = said["withdrawn_at"]
    if not all(isinstance(said[name], str) for name in texts) or not all(
        isinstance(said[name], bool) for name in _FLAGS
    ):
        raise RecordError("roster member: the consent is malformed")
    instants = [said["given_at"]] if withdrawn is None else [said["given_at"], withdrawn]
    if not all(isinstance(instant, str) and is_rfc3339(instant) for instant in instants):
        raise RecordError("roster member: the consent's instants are malformed")
    return Consent(**said)


def _is_model(value: Any) -> bool:
    return isinstance(value, str) and _MODEL.fullmatch(value) is not None


def _within(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
