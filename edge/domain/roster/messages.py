"""The roster's messages: one retained a person, a manifest of all in pages, and the site key for each terminal.

Every version is the roster's at the change, one count for a site that only grows. So a manifest of version M
decides about every message up to M: what it does not list is not in the roster any more, however genuine. The
payload about a person is one line of JSON, LF, and the ciphertext, to which that line is bound; a tombstone is the
line alone.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.domain.protocol.record import NAME, Origin
from edge.domain.protocol.record_kinds import HASH, PERSON, ErasureReason
from edge.domain.strict_json import MAX_INTEGER, dump, is_version, parse_object
from edge.errors import RecordError

PERSON_TYPE = "application/vnd.smartclocker.roster-person"
PAGE_TYPE = "application/vnd.smartclocker.roster-page+json"
MANIFEST_TYPE = "application/vnd.smartclocker.roster-manifest+json"
KEY_TYPE = "application/vnd.smartclocker.roster-key+json"
"""The DSSE payload types."""
MAX_PEOPLE = 4_096
"""Of one site: a page then holds 128 on average, and 230 fit."""
MAX_PAYLOAD = 24_000
"""Bytes; in an envelope, these are what it may have."""
MAX_LINE = 1_024
BUCKETS = "abcdefghijklmnopqrstuvwxyz234567"
"""A page lists the people whose id begins so."""
KEY_ID = re.compile(r"[0-9a-f]{32}")
_SEALED_KEY_BYTES = 80
"""A key of 32 in a libsodium sealed box."""


@dataclass(frozen=True, slots=True)
class PersonMessage:
    """Somebody's entry. Without `sealed` it is a tombstone, and says why."""

    site: str
    person: str
    version: int
    key: str = ""
    """The id of the site key that opens it."""
    sealed: bytes = b""
    gone: ErasureReason | None = None

    def line(self) -> bytes:
        """The first line, without LF: what the ciphertext is bound to."""
        head = {"v": 1, "site": self.site, "person": self.person, "version": self.version}
        return dump({**head, "gone": str(self.gone)} if self.gone else {**head, "key": self.key})


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """What a manifest says of one person's message."""

    version: int
    sha256: str
    """Hex, of the payload's bytes."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the manifest: the people of one bucket."""

    site: str
    bucket: str
    version: int
    entries: Mapping[str, ManifestEntry]
    """By person."""


@dataclass(frozen=True, slots=True)
class RosterManifest:
    """The whole roster of a site, named."""

    site: str
    version: int
    count: int
    sha256: str
    """Hex, by `digest` over all entries."""
    pages: Mapping[str, str]
    """By bucket, the sha256 of the page's payload; a bucket that is not here is empty."""


@dataclass(frozen=True, slots=True)
class KeyMessage:
    """The site key, sealed to one terminal. `version` counts the keys of the site."""

    origin: Origin
    version: int
    key: str
    """The key's id."""
    sealed: bytes


def digest(entries: Mapping[str, ManifestEntry]) -> str:
    """sha256 (hex) over one line `person version sha256` for each, by person."""
    lines = (f"{person} {one.version} {one.sha256}\n" for person, one in sorted(entries.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def encode_person(message: PersonMessage) -> bytes:
    """The payload to sign. Raises RecordError for what no reader would accept."""
    payload = message.line() + b"\n" + message.sealed
    decode_person(payload)
    return payload


def decode_person(payload: bytes) -> PersonMessage:
    """Raises RecordError for anything malformed or of another version."""
    line, newline, sealed = payload.partition(b"\n")
    if not newline or len(payload) > MAX_PAYLOAD:
        raise RecordError("roster: no person's entry, or a longer one than fits into an envelope")
    document = _document(line, MAX_LINE, {"site": NAME, "person": PERSON})
    key, gone = document.get("key"), document.get("gone")
    reason = None
    if gone is None:
        if not isinstance(key, str) or KEY_ID.fullmatch(key) is None or not sealed:
            raise RecordError("roster: the key is missing or malformed, or nothing is sealed")
    elif key is not None or sealed or not isinstance(gone, str) or gone not in set(ErasureReason):
        raise RecordError("roster: a tombstone that holds more, or without a reason")
    else:
        reason, key = ErasureReason(gone), ""
    message = PersonMessage(document["site"], document["person"], _version(document), str(key), sealed, reason)
    if message.line() != line:
        raise RecordError("roster: the line is not in the one form that the ciphertext is bound to")
    return message


def encode_page(page: Page) -> bytes:
    """The payload to sign. Raises RecordError."""
    entries = [[person, one.version, one.sha256] for person, one in sorted(page.entries.items())]
    document = {"v": 1, "site": page.site, "bucket": page.bucket, "version": page.version, "entries": entries}
    payload = dump(document)
    decode_page(payload)
    return payload


def decode_page(payload: bytes) -> Page:
    """Raises RecordError for anything malformed, a person twice or out of order, or in another's bucket."""
    document = _document(payload, MAX_PAYLOAD, {"site": NAME})
    bucket, listed, version = document.get("bucket"), document.get("entries"), _version(document)
    if not isinstance(bucket, str) or len(bucket) != 1 or bucket not in BUCKETS or not isinstance(listed, list):
        raise RecordError("roster page: bucket or entries are missing or malformed")
    entries: dict[str, ManifestEntry] = {}
    last = ""
    for one in listed:
        person, entry = _entry(one)
        if person <= last or person[0] != bucket or entry.version > version:
            raise RecordError("roster page: somebody is listed twice, out of order, or where they do not belong")
        entries[person], last = entry, person
    return Page(document["site"], bucket, version, entries)


def encode_manifest(manifest: RosterManifest) -> bytes:
    """The payload to sign. Raises RecordError."""
    document = {
        "v": 1,
        "site": manifest.site,
        "version": manifest.version,
        "count": manifest.count,
        "sha256": manifest.sha256,
        "pages": dict(sorted(manifest.pages.items())),
    }
    payload = dump(document)
    decode_manifest(payload)
    return payload


def decode_manifest(payload: bytes) -> RosterManifest:
    """Raises RecordError for anything malformed."""
    document = _document(payload, MAX_PAYLOAD, {"site": NAME, "sha256": HASH})
    pages, count = document.get("pages"), document.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_PEOPLE:
        raise RecordError(f"roster manifest: count is missing, malformed or above {MAX_PEOPLE}")
    if not isinstance(pages, dict):
        raise RecordError("roster manifest: pages are missing")
    for bucket, sha256 in pages.items():
        if len(bucket) != 1 or bucket not in BUCKETS or not isinstance(sha256, str) or not HASH.fullmatch(sha256):
            raise RecordError("roster manifest: a page's name or hash is malformed")
    return RosterManifest(document["site"], _version(document), count, document["sha256"], pages)


def encode_key(message: KeyMessage) -> bytes:
    """The payload to sign. Raises RecordError."""
    document = {
        "v": 1,
        "site": message.origin.site,
        "terminal": message.origin.terminal,
        "version": message.version,
        "key": message.key,
        "sealed": base64.b64encode(message.sealed).decode(),
    }
    payload = dump(document)
    decode_key(payload)
    return payload


def decode_key(payload: bytes) -> KeyMessage:
    """Raises RecordError for anything malformed."""
    document = _document(payload, MAX_LINE, {"site": NAME, "terminal": NAME, "key": KEY_ID})
    try:
        sealed = base64.b64decode(document.get("sealed", ""), validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RecordError("roster key: sealed is not base64") from error
    if len(sealed) != _SEALED_KEY_BYTES:
        raise RecordError("roster key: not one key in a sealed box")
    return KeyMessage(Origin(document["site"], document["terminal"]), _version(document), document["key"], sealed)


def _document(raw: bytes, limit: int, texts: Mapping[str, re.Pattern[str]]) -> dict[str, Any]:
    document = parse_object(raw, limit)
    if not is_version(document):
        raise RecordError("roster: not version 1")
    for name, pattern in texts.items():
        value = document.get(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise RecordError(f"roster: {name} is missing or malformed")
    return document


def _version(document: Mapping[str, Any]) -> int:
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= MAX_INTEGER:
        raise RecordError("roster: version is missing or malformed")
    return version


def _entry(one: Sequence[Any]) -> tuple[str, ManifestEntry]:
    if not isinstance(one, list) or len(one) != 3:
        raise RecordError("roster page: an entry is not [person, version, sha256]")
    person, version, sha256 = one
    if not isinstance(person, str) or not PERSON.fullmatch(person):
        raise RecordError("roster page: an entry names nobody")
    if not isinstance(sha256, str) or not HASH.fullmatch(sha256):
        raise RecordError("roster page: an entry has no hash")
    return person, ManifestEntry(_version({"version": version}), sha256)
