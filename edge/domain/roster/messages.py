"""The roster's messages: a retained one for each person, a manifest of everybody in pages, and the site key for
each terminal.

Every version is the roster's version at the change: one number for the whole site, which only grows. So a manifest
of version M decides about every message up to M: a message that it does not list is no longer in the roster, even
if it is genuine. The payload about a person is one line of JSON, LF, and the ciphertext, which is bound to that
line. A tombstone is only the line.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta

from edge.domain.protocol.document import Document, convert, unpacked
from edge.domain.protocol.fields import KEY_ID, Count, Hash, KeyId, Name, Person, whole
from edge.domain.protocol.record import Origin
from edge.domain.strict_json import dump, parse_object
from edge.domain.vocabulary import ErasureReason
from edge.errors import RecordError

MAX_PEOPLE = 4_096
"""People of one site: a page then holds 128 on average, and 230 fit."""
MAX_IDENTITIES = 128
"""Keys of terminals that a manifest names at most. A site with more is told of none."""
MAX_PAYLOAD = 24_000
"""Bytes of a payload, so that it fits into an envelope."""
MAX_LINE = 1_024
BUCKETS = "abcdefghijklmnopqrstuvwxyz234567"
"""The first characters of an id. There is a page for each, with the people whose id begins with it."""
_SEALED_KEY_BYTES = 80
"""A key of 32 bytes in a libsodium sealed box."""


_Bucket = Annotated[str, whole(re.compile(f"[{BUCKETS}]"))]
_PublicKey = Annotated[str, whole(re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="))]
"""The 32 bytes of a raw Ed25519 key, in base64."""
_UNSEALED = "roster: the key is missing or malformed, or nothing is sealed"
_TOMBSTONE = "roster: a tombstone that holds more, or without a reason"


class SealedDocument(Document):
    """A document whose payload is one line of JSON, LF, and a ciphertext, which is its field `sealed`."""

    __slots__ = ()

    @classmethod
    def _parsed(cls, payload: bytes) -> Mapping[str, Any]:
        line, _, sealed = payload.partition(b"\n")
        return {**parse_object(line, MAX_LINE), "sealed": sealed}


@dataclass(frozen=True, slots=True)
class PersonMessage(SealedDocument):
    """One person's entry. Without `sealed` it is a tombstone, and gives the reason."""

    NOUN = "roster"
    PAYLOAD_TYPE = "application/vnd.smartclocker.roster-person"
    MAX_PAYLOAD = MAX_PAYLOAD
    FAULTS: ClassVar[Mapping[str, str]] = {"key": _UNSEALED, "gone": _TOMBSTONE}

    site: Name
    person: Person
    version: Count
    key: Annotated[str, whole(re.compile(rf"(?:{KEY_ID.pattern})?"))] = ""
    """The id of the site key that opens it; empty in a tombstone."""
    sealed: bytes = b""
    gone: ErasureReason | None = None

    def line(self) -> bytes:
        """The first line, without LF. The ciphertext is bound to it."""
        head = {"v": 1, "site": self.site, "person": self.person, "version": self.version}
        return dump({**head, "gone": str(self.gone)} if self.gone else {**head, "key": self.key})

    def encode(self) -> bytes:
        """The payload to sign. Raises RecordError for fields that no reader would accept."""
        payload = self.line() + b"\n" + self.sealed
        self.decode(payload)
        return payload

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a payload. Raises RecordError for anything malformed or of another version."""
        line, newline, _ = payload.partition(b"\n")
        if not newline or len(payload) > MAX_PAYLOAD:
            raise RecordError("roster: not a person's entry, or too long for an envelope")
        found = super(PersonMessage, cls).decode(payload)
        if found.line() != line:
            raise RecordError("roster: the line is not in the one form that the ciphertext is bound to")
        return found

    def _judge(self) -> None:
        if self.gone is None and not (self.key and self.sealed):
            raise RecordError(_UNSEALED)
        if self.gone is not None and (self.key or self.sealed):
            raise RecordError(_TOMBSTONE)


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """The manifest's entry of one person's message."""

    version: Count
    sha256: Hash
    """sha256 of the message's payload, hex."""


_UNPLACED = "roster page: bucket or entries are missing or malformed"


@dataclass(frozen=True, slots=True)
class _PageAsWritten:
    site: Name
    version: Count
    bucket: _Bucket
    entries: list[tuple[Person, Count, Hash]]


@dataclass(frozen=True, slots=True)
class Page(Document):
    """A part of the manifest: the entries of one bucket's people."""

    NOUN = "roster"
    PAYLOAD_TYPE = "application/vnd.smartclocker.roster-page+json"
    MAX_PAYLOAD = MAX_PAYLOAD
    FAULTS: ClassVar[Mapping[str, str]] = {
        "bucket": _UNPLACED,
        "entries": _UNPLACED,
        "entries.*": "roster page: an entry is not [person, version, sha256]",
        "entries.*.0": "roster page: an entry has no person",
        "entries.*.1": "roster: version is missing or malformed",
        "entries.*.2": "roster page: an entry has no hash",
    }

    site: str
    bucket: str
    version: int
    entries: Mapping[str, ManifestEntry]
    """The entries, by person."""

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a payload.

        Raises RecordError for anything malformed, and for a person who is there twice, out of order or in the wrong
        bucket.
        """
        page = convert(cls._said(payload), _PageAsWritten, cls.NOUN, cls.FAULTS)
        entries: dict[str, ManifestEntry] = {}
        last = ""
        for person, version, sha256 in page.entries:
            if person <= last or person[0] != page.bucket or version > page.version:
                raise RecordError(
                    "roster page: somebody is listed twice, out of order, or where they do not belong"
                )
            entries[person], last = ManifestEntry(version, sha256), person
        return cls(page.site, page.bucket, page.version, entries)

    def _words(self) -> dict[str, Any]:
        entries = [[person, one.version, one.sha256] for person, one in sorted(self.entries.items())]
        return {"site": self.site, "bucket": self.bucket, "version": self.version, "entries": entries}


@dataclass(frozen=True, slots=True)
class RosterManifest(Document):
    """The list of a site's pages, and by their hashes its whole roster; and the site's terminals."""

    NOUN = "roster"
    PAYLOAD_TYPE = "application/vnd.smartclocker.roster-manifest+json"
    MAX_PAYLOAD = MAX_PAYLOAD
    FAULTS: ClassVar[Mapping[str, str]] = {
        "count": f"roster manifest: count is missing, malformed or above {MAX_PEOPLE}",
        "pages": "roster manifest: pages are missing",
        "pages.*": "roster manifest: a page's name or hash is malformed",
        "terminals": "roster manifest: terminals are malformed",
        "terminals.*": "roster manifest: a terminal's name or key is malformed",
        "terminals.*.*": "roster manifest: a terminal's name or key is malformed",
    }

    site: Name
    version: Count
    count: Annotated[int, Meta(ge=0, le=MAX_PEOPLE)]
    sha256: Hash
    """The `digest` over all entries, hex."""
    pages: Mapping[_Bucket, Hash]
    """By bucket, the sha256 of the page's payload. A bucket without a page has no people."""
    terminals: Mapping[Name, list[_PublicKey]] = field(default_factory=dict)
    """By terminal, the public keys of its identities that are not revoked, raw, in base64. Empty in a manifest of
    an earlier version, which does not tell.
    """

    def _judge(self) -> None:
        if sum(map(len, self.terminals.values())) > MAX_IDENTITIES or not all(self.terminals.values()):
            raise RecordError("roster manifest: a terminal without a key, or too many of them")

    def _words(self) -> dict[str, Any]:
        words = {**super(RosterManifest, self)._words(), "pages": dict(sorted(self.pages.items()))}
        terminals = words.pop("terminals")
        named = {name: sorted(keys) for name, keys in sorted(terminals.items())}
        return {**words, "terminals": named} if named else words


@dataclass(frozen=True, slots=True)
class KeyMessage(Document):
    """The site key, sealed to one terminal. `version` counts the keys of the site."""

    NOUN = "roster"
    PAYLOAD_TYPE = "application/vnd.smartclocker.roster-key+json"
    MAX_PAYLOAD = MAX_LINE
    FAULTS: ClassVar[Mapping[str, str]] = {"sealed": "roster key: sealed is not base64"}

    origin: Origin
    version: Count
    key: KeyId
    """The key's id."""
    sealed: bytes

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**said, "sealed": unpacked({"sealed": "", **said}, "sealed")}

    def _judge(self) -> None:
        if len(self.sealed) != _SEALED_KEY_BYTES:
            raise RecordError("roster key: not one key in a sealed box")


def digest(entries: Mapping[str, ManifestEntry]) -> str:
    """sha256 (hex) over one line `person version sha256` for each person, sorted by person."""
    lines = (f"{person} {one.version} {one.sha256}\n" for person, one in sorted(entries.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
