"""What the authority orders of terminals: the rights of the people who are enrolled, the policy, its own next key.

An order is signed, names its terminals, ends by itself, and is taken once. Its sequence number only grows, so that
an older one cannot undo a newer one about the same person. What became of it is a record
(docs/adr/0005-authority.md).
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from edge.domain.protocol import lifetime
from edge.domain.protocol.record import NAME, Origin
from edge.domain.protocol.record_kinds import EPOCH, HASH, PERSON, RECORD_ID, WORD, ErasureReason, is_instant
from edge.domain.strict_json import MAX_INTEGER, dump, is_version, parse_object
from edge.errors import RecordError

ORDER_TYPE = "application/vnd.smartclocker.order+json"
"""The DSSE payload type of an order."""
MAX_PAYLOAD = 16_384
MAX_TEXT = 12_000
"""Characters of a policy."""
MAX_SEALED = 1_024
"""Bytes of a name once it is sealed to a terminal."""
MAX_TERMINALS = 256
"""Named in one order; `*` is all of a site."""
MAX_LIFETIME = timedelta(days=92)
"""From `issued` to `expires`: a terminal that was away for a season still acts when it returns."""
EVERYWHERE = "*"
EVERYBODY = "*"
"""Whose images a `delete-evidence` deletes: all."""
NOBODY_HERE = "nobody here has this id"
"""What a terminal says that refuses because it does not know the person: to a whole site's order, most do."""
MAX_RELEASED = 16
"""Records in one `release-evidence`: each is looked at for a reason of its own."""
_KEY_BYTES = 32
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class Word(StrEnum):
    """What is ordered."""

    WITHDRAW = "withdraw"
    """The consent ends: key, name and templates are dropped."""
    ERASE = "erase"
    RESTRICT = "restrict"
    """Kept but not matched."""
    UNRESTRICT = "unrestrict"
    OBJECT = "object"
    """As `restrict`, and only the person's own word lifts it: badge or PIN from now on."""
    RECTIFY = "rectify"
    """The name is another one."""
    ACCESS = "access"
    """Hand out everything that is held about a person, for the holder of a key alone."""
    POLICY = "policy"
    """Another privacy policy is in force."""
    EMPLOYMENT_ENDED = "employment-ended"
    """Erase, at an instant and not before it, as far as the terminal knows the time."""
    EMPLOYMENT_CONTINUES = "employment-continues"
    """Lift the end of an employment that is kept and was not carried out yet."""
    UNDER_AGE = "under-age"
    """Somebody younger than 13 was enrolled: erase."""
    RELEASE_EVIDENCE = "release-evidence"
    """Hand out the evidence images of named punches, as they were sealed."""
    DELETE_EVIDENCE = "delete-evidence"
    """Delete the evidence images, at the employer's request."""
    ROTATE = "rotate"
    """The authority's next key."""


class Lifts(StrEnum):
    """Which bar an `unrestrict` lifts; to say OBJECTION is to say that the person asked for it."""

    RESTRICTION = "restriction"
    OBJECTION = "objection"


class ReleaseGround(StrEnum):
    """Why images are handed out; words of a list, since free text would carry names to the broker."""

    PERSON_ASKED = "person-asked"
    DISPUTE = "dispute"
    """Whether or when somebody punched is disputed."""
    MISUSE = "suspected-misuse"
    """Somebody may have punched for another."""
    LEGAL_CLAIM = "legal-claim"
    COURT_ORDER = "court-order"


PROTECTIVE = frozenset(
    {
        Word.WITHDRAW,
        Word.ERASE,
        Word.RESTRICT,
        Word.OBJECT,
        Word.EMPLOYMENT_ENDED,
        Word.UNDER_AGE,
        Word.DELETE_EVIDENCE,
    }
)
"""They only ever take away: a terminal that does not know the time obeys these, and none of the others."""
ERASING = frozenset({Word.ERASE, Word.EMPLOYMENT_ENDED, Word.UNDER_AGE})
"""What they end in is the same."""
FOLLOWED = ERASING | {
    Word.WITHDRAW, Word.RESTRICT, Word.UNRESTRICT, Word.OBJECT, Word.RECTIFY, Word.EMPLOYMENT_CONTINUES,
}  # fmt: skip
"""They change the centre's own roster, too; the others leave it as it is."""
_ASPECTS = {
    Word.RESTRICT: "bar",
    Word.UNRESTRICT: "bar",
    Word.OBJECT: "bar",
    Word.RECTIFY: "name",
    Word.EMPLOYMENT_ENDED: "end",
    Word.EMPLOYMENT_CONTINUES: "end",
}
"""What of a person an order settles until the next; the words that lack settle it for good, or nothing."""


def _sealed(value: object, least: int, most: int) -> bool:
    if not isinstance(value, str) or len(value) > 4 * most or _BASE64.fullmatch(value) is None:
        return False
    try:
        return least <= len(base64.b64decode(value, validate=True)) <= most
    except (binascii.Error, ValueError):
        return False


def _is_person(value: object) -> bool:
    return isinstance(value, str) and PERSON.fullmatch(value) is not None


def _is_key(value: object) -> bool:
    return _sealed(value, _KEY_BYTES, _KEY_BYTES)


def _is_records(value: object) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= MAX_RELEASED
        and all(isinstance(one, str) and RECORD_ID.fullmatch(one) is not None for one in value)
        and len(set(value)) == len(value)
    )


def _one_of(words: type[StrEnum]) -> Callable[[object], bool]:
    known = frozenset(words)
    return lambda value: isinstance(value, str) and value in known


_PERSON: dict[str, Callable[[object], bool]] = {"person": _is_person}
FIELDS: dict[Word, dict[str, Callable[[object], bool]]] = {
    Word.WITHDRAW: _PERSON,
    Word.ERASE: {**_PERSON, "reason": _one_of(ErasureReason)},
    Word.RESTRICT: _PERSON,
    Word.UNRESTRICT: {**_PERSON, "lifts": _one_of(Lifts)},
    Word.OBJECT: _PERSON,
    Word.RECTIFY: {**_PERSON, "name": lambda value: _sealed(value, 49, MAX_SEALED)},
    Word.ACCESS: {**_PERSON, "reply_key": _is_key},
    Word.POLICY: {
        "version": lambda value: isinstance(value, str) and len(value) <= 40 and WORD.fullmatch(value) is not None,
        "sha256": lambda value: isinstance(value, str) and HASH.fullmatch(value) is not None,
        "text": lambda value: isinstance(value, str) and 1 <= len(value) <= MAX_TEXT,
        "consent_again": lambda value: isinstance(value, bool),
    },
    Word.EMPLOYMENT_ENDED: {**_PERSON, "at": is_instant},
    Word.EMPLOYMENT_CONTINUES: _PERSON,
    Word.UNDER_AGE: _PERSON,
    Word.RELEASE_EVIDENCE: {**_PERSON, "records": _is_records, "ground": _one_of(ReleaseGround)},
    Word.DELETE_EVIDENCE: {"whose": lambda value: value == EVERYBODY or _is_person(value)},
    Word.ROTATE: {"key": _is_key, "from": is_instant, "until": is_instant},
}
"""What each word carries; docs/protocol.md and its JSON Schema say the same in their own words."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order, well-formed; nothing here says that it is genuine."""

    id: str
    """32 hex digits, random: a terminal takes each once."""
    site: str
    terminals: tuple[str, ...]
    """Whom it is for; `("*",)` is every terminal of the site."""
    sequence: int
    """From 1, over all orders of the authority."""
    issued: str
    expires: str
    """Both RFC 3339 UTC with milliseconds and Z, by the authority's clock."""
    word: Word
    fields: Mapping[str, Any]
    """As `FIELDS` says for the word."""

    @property
    def person(self) -> str | None:
        """Whom it is about; None for everybody, the policy and keys."""
        person = self.fields.get("person", self.fields.get("whose"))
        return person if isinstance(person, str) and person != EVERYBODY else None

    @property
    def scope(self) -> str | None:
        """Of two orders of one scope the one with the higher sequence stands; None where order does not matter."""
        aspect = _ASPECTS.get(self.word)
        if self.word is Word.DELETE_EVIDENCE:
            return None
        if self.person is None:
            return str(self.word)
        return None if aspect is None else f"{self.person}/{aspect}"

    def names(self, origin: Origin) -> bool:
        """Whether it is for this terminal."""
        return self.site == origin.site and (self.terminals == (EVERYWHERE,) or origin.terminal in self.terminals)


def encode_order(order: Order) -> bytes:
    """The payload to sign. Raises RecordError for what no terminal would take."""
    everywhere = order.terminals == (EVERYWHERE,)
    document = {
        "v": 1,
        "id": order.id,
        "site": order.site,
        "terminals": EVERYWHERE if everywhere else list(order.terminals),
        "sequence": order.sequence,
        "issued": order.issued,
        "expires": order.expires,
        "order": str(order.word),
        **order.fields,
    }
    payload = dump(document)
    decode_order(payload)
    return payload


def decode_order(payload: bytes) -> Order:
    """Read an order's payload. Raises RecordError for anything malformed, of another version or another word."""
    document = parse_object(payload, MAX_PAYLOAD)
    if not is_version(document):
        raise RecordError("order: not version 1")
    word = document.get("order")
    if not isinstance(word, str) or word not in frozenset(Word):
        raise RecordError("order: of a word that this version does not know; upgrade the terminal first")
    for name, pattern in (("id", EPOCH), ("site", NAME)):
        value = document.get(name)
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise RecordError(f"order: {name} is missing or malformed")
    sequence = document.get("sequence")
    if not isinstance(sequence, int) or isinstance(sequence, bool) or not 1 <= sequence <= MAX_INTEGER:
        raise RecordError("order: sequence is missing or malformed")
    fields = {}
    for name, check in FIELDS[Word(word)].items():
        if name not in document or not check(document[name]):
            raise RecordError(f"order: {name} is missing or malformed")
        fields[name] = document[name]
    if word == Word.ROTATE and not fields["from"] < fields["until"]:
        raise RecordError("order: until comes before from; let the keys overlap")
    issued, expires = lifetime.read(document, "order", MAX_LIFETIME)
    terminals = _terminals(document.get("terminals"))
    return Order(document["id"], document["site"], terminals, sequence, issued, expires, Word(word), fields)


def expired(order: Order, utc: str) -> bool:
    """Whether it has ended at `utc` (RFC 3339 UTC with milliseconds and Z)."""
    return utc >= order.expires  # one form, so that text compares as time does


def _terminals(value: object) -> tuple[str, ...]:
    if value == EVERYWHERE:
        return (EVERYWHERE,)
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_TERMINALS:
        raise RecordError(f"order: terminals is neither {EVERYWHERE} nor 1 to {MAX_TERMINALS} names")
    if not all(isinstance(name, str) and NAME.fullmatch(name) is not None for name in value):
        raise RecordError("order: terminals holds what is no name")
    if len(set(value)) < len(value):
        raise RecordError("order: terminals holds a name twice")
    return tuple(value)
