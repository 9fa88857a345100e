"""The orders of the authority to terminals: about the rights of enrolled people, the policy, and the authority's
next key.

An order is signed, names its terminals, expires, and is taken once. Its sequence number only grows, so that an
older order cannot undo a newer one about the same person. A record tells its outcome (docs/adr/0005-authority.md).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from edge.domain.people.operator_id import BY
from edge.domain.protocol import fields
from edge.domain.protocol.document import Document, fits, judge_lifetime, unpacked
from edge.domain.protocol.fields import Count, Epoch, Hash, Instant, Name, Person, RecordId, whole
from edge.domain.protocol.record import Origin
from edge.domain.vocabulary import ErasureReason
from edge.errors import RecordError

MAX_TEXT = 12_000
"""Characters of a policy's text."""
MAX_SEALED = 1_024
"""Bytes of a name once it is sealed to a terminal."""
_MIN_SEALED = 49
MAX_TERMINALS = 256
"""Terminals that one order may name; `*` stands for all of a site."""
MAX_LIFETIME = timedelta(days=92)
"""From `issued` to `expires`: a terminal that was away for a season still acts when it returns."""
EVERYWHERE = "*"
EVERYBODY = "*"
"""The value of `whose` in a `delete-evidence` that deletes everybody's images."""
NOBODY_HERE = "nobody here has this id"
"""The detail of a terminal's refusal because it does not know the person. Most terminals refuse so when an order is
for a whole site.
"""
MAX_RELEASED = 16
"""Records in one `release-evidence`. The limit is small because each release needs a reason of its own."""
_Terminal = Annotated[str, whole(re.compile(rf"\*|{fields.NAME.pattern}"))]
_Key = Annotated[str, whole(re.compile(r"[A-Za-z0-9+/]{43}="))]
"""32 bytes in base64."""
_Base64 = Annotated[str, whole(re.compile(r"[A-Za-z0-9+/]+={0,2}")), Meta(max_length=4 * MAX_SEALED)]


class Word(StrEnum):
    """The kind of an order."""

    WITHDRAW = "withdraw"
    """The consent ends: key, name and templates are deleted."""
    ERASE = "erase"
    RESTRICT = "restrict"
    """The person's data are kept, but the face is not matched."""
    UNRESTRICT = "unrestrict"
    OBJECT = "object"
    """The same as `restrict`, but only the person can lift it: badge or PIN from now on."""
    RECTIFY = "rectify"
    """The person has another name."""
    ACCESS = "access"
    """Hand out all data about a person, encrypted to the holder of one key."""
    EMPLOYMENT_ENDED = "employment-ended"
    """Erase at an instant, and not before it, as far as the terminal knows the time."""
    EMPLOYMENT_CONTINUES = "employment-continues"
    """Cancel an end of an employment that was ordered and not carried out yet."""
    UNDER_AGE = "under-age"
    """Somebody younger than 13 was enrolled: erase them."""
    POLICY = "policy"
    """Another privacy policy is in force."""
    RELEASE_EVIDENCE = "release-evidence"
    """Hand out the evidence images of named punches, still sealed."""
    DELETE_EVIDENCE = "delete-evidence"
    """Delete the evidence images, at the employer's request."""
    ENROL = "enrol"
    """A ticket: the person may be enrolled at one terminal, once, by their badge and PIN."""
    ROTATE = "rotate"
    """The authority's next key."""


class Lifts(StrEnum):
    """The restriction that an `unrestrict` lifts. OBJECTION states that the person asked for it."""

    RESTRICTION = "restriction"
    OBJECTION = "objection"


class ReleaseGround(StrEnum):
    """The reason why images are handed out. It is a fixed list, because free text would carry names to the
    broker.
    """

    PERSON_ASKED = "person-asked"
    DISPUTE = "dispute"
    """There is a dispute whether or when somebody punched."""
    MISUSE = "suspected-misuse"
    """Somebody may have punched for another."""
    LEGAL_CLAIM = "legal-claim"
    COURT_ORDER = "court-order"


BY_HAND = tuple(word for word in Word if word is not Word.ROTATE)
"""The kinds of order that somebody can give at the centre. A rotation is signed where the next key is made."""
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
"""Orders that only take data or rights of use away. A terminal that does not know the time obeys these and no
others.
"""
ERASING = frozenset({Word.ERASE, Word.EMPLOYMENT_ENDED, Word.UNDER_AGE})
"""The orders that end in an erasure."""
FOLLOWED = ERASING | {
    Word.WITHDRAW, Word.RESTRICT, Word.UNRESTRICT, Word.OBJECT, Word.RECTIFY, Word.EMPLOYMENT_CONTINUES,
}  # fmt: skip
"""The orders that change the centre's own roster too. The others leave it as it is."""
_ASPECTS = {
    Word.RESTRICT: "bar",
    Word.UNRESTRICT: "bar",
    Word.OBJECT: "bar",
    Word.RECTIFY: "name",
    Word.EMPLOYMENT_ENDED: "end",
    Word.EMPLOYMENT_CONTINUES: "end",
    Word.ENROL: "ticket",
}
"""The aspect of a person that an order sets until the next order about it. A kind that is missing here sets its
aspect permanently, or none.
"""


_PERSON: dict[str, Any] = {"person": Person}
FIELDS: dict[Word, dict[str, Any]] = {
    Word.WITHDRAW: _PERSON,
    Word.ERASE: {**_PERSON, "reason": ErasureReason},
    Word.RESTRICT: _PERSON,
    Word.UNRESTRICT: {**_PERSON, "lifts": Lifts},
    Word.OBJECT: _PERSON,
    Word.RECTIFY: {**_PERSON, "name": _Base64},
    Word.ACCESS: {**_PERSON, "reply_key": _Key},
    Word.POLICY: {
        "version": Annotated[fields.Word, Meta(max_length=40)],
        "sha256": Hash,
        "text": Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)],
        "consent_again": bool,
    },
    Word.EMPLOYMENT_ENDED: {**_PERSON, "at": Instant},
    Word.EMPLOYMENT_CONTINUES: _PERSON,
    Word.UNDER_AGE: _PERSON,
    Word.RELEASE_EVIDENCE: {
        **_PERSON,
        "records": Annotated[list[RecordId], Meta(min_length=1, max_length=MAX_RELEASED)],
        "ground": ReleaseGround,
    },
    Word.DELETE_EVIDENCE: {"whose": Annotated[str, whole(re.compile(rf"\*|{fields.PERSON.pattern}"))]},
    Word.ENROL: {
        **_PERSON,
        "policy_version": Annotated[fields.Word, Meta(max_length=40)],
        "policy_sha256": Hash,
        "witness": Annotated[str, whole(BY)],
        "employer_agreed": bool,
    },
    Word.ROTATE: {"key": _Key, "from": Instant, "until": Instant},
}
"""The fields of each kind of order, with their types. docs/protocol.md and its JSON Schema describe the same."""
_ASKED = f"order: terminals is neither {EVERYWHERE} nor 1 to {MAX_TERMINALS} names"
_NO_NAME = "order: terminals has something that is not a name"
_LIFETIME = "order: issued or expires is missing or malformed"


@dataclass(frozen=True, slots=True)
class Order(Document):
    """One well-formed order. This type does not tell whether it is genuine."""

    NOUN = "order"
    PAYLOAD_TYPE = "application/vnd.smartclocker.order+json"
    MAX_PAYLOAD = 16_384
    FAULTS: ClassVar[Mapping[str, str]] = {
        "issued": _LIFETIME,
        "expires": _LIFETIME,
        "terminals": _ASKED,
        "terminals.*": _NO_NAME,
    }

    id: Epoch
    """32 hex digits, random: a terminal takes each id once."""
    site: Name
    terminals: Annotated[tuple[_Terminal, ...], Meta(min_length=1, max_length=MAX_TERMINALS)]
    """The terminals that it is for; `("*",)` is every terminal of the site."""
    sequence: Count
    """Number of the order, from 1, over all orders of the authority."""
    issued: Instant
    expires: Instant
    """`issued` and `expires` are RFC 3339 UTC with milliseconds and Z, by the authority's clock."""
    word: Word
    fields: Mapping[str, Any]
    """The fields that `FIELDS` lists for the kind `word`."""

    @property
    def person(self) -> str | None:
        """The person whom the order is about; None when it is about everybody, the policy or a key."""
        person = self.fields.get("person", self.fields.get("whose"))
        return person if isinstance(person, str) and person != EVERYBODY else None

    @property
    def scope(self) -> str | None:
        """The scope of the order: of two orders with one scope, the one with the higher sequence counts. None where
        their order does not matter.
        """
        aspect = _ASPECTS.get(self.word)
        if self.word is Word.DELETE_EVIDENCE:
            return None
        if self.person is None:
            return str(self.word)
        return None if aspect is None else f"{self.person}/{aspect}"

    def names(self, origin: Origin) -> bool:
        """Whether the order is for this terminal."""
        return self.site == origin.site and (self.terminals == (EVERYWHERE,) or origin.terminal in self.terminals)

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        word, terminals = said.get("order"), said.get("terminals")
        if not isinstance(word, str) or not fits(word, Word):
            raise RecordError("order: its kind is not known to this version; upgrade the terminal first")
        if isinstance(terminals, list) and EVERYWHERE in terminals:
            raise RecordError(_NO_NAME)
        carried = {name: said[name] for name in FIELDS[Word(word)] if name in said}
        everywhere = terminals == EVERYWHERE
        return {**said, "word": word, "terminals": [EVERYWHERE] if everywhere else terminals, "fields": carried}

    def _judge(self) -> None:
        for name, kind in FIELDS[self.word].items():
            if name not in self.fields or not fits(self.fields[name], kind) or not _is_sound(name, self.fields):
                raise RecordError(f"order: {name} is missing or malformed")
        if self.word is Word.ROTATE and not self.fields["from"] < self.fields["until"]:
            raise RecordError("order: until comes before from; let the keys overlap")
        judge_lifetime(self.issued, self.expires, self.NOUN, MAX_LIFETIME)
        if len(set(self.terminals)) < len(self.terminals):
            raise RecordError("order: terminals holds a name twice")

    def _words(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "site": self.site,
            "terminals": EVERYWHERE if self.terminals == (EVERYWHERE,) else list(self.terminals),
            "sequence": self.sequence,
            "issued": self.issued,
            "expires": self.expires,
            "order": str(self.word),
            **self.fields,
        }


def expired(order: Order, utc: str) -> bool:
    """Whether the order has expired at `utc` (RFC 3339 UTC with milliseconds and Z)."""
    return utc >= order.expires  # both have one form, so the order of the texts is that of the instants


def _is_sound(name: str, carried: Mapping[str, Any]) -> bool:
    """The checks that the type of a field cannot express: the length of a sealed name, and that no record is named
    twice.
    """
    value = carried[name]
    if name == "name":
        sealed = unpacked(carried, name)
        return sealed is not None and _MIN_SEALED <= len(sealed) <= MAX_SEALED
    if name == "employer_agreed":
        return value is True
    return name != "records" or len(set(value)) == len(value)
