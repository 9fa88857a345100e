"""The schemas of the roster's messages against what the centre really sends, and against what terminals refuse."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.central.roster import membership
from edge.central.roster.messages import compose
from edge.central.roster.store import RosterStore
from edge.central.store.model import RegisteredTerminal
from edge.crypto import dsse, site_key
from edge.domain.people.consent import Consent, Policy
from edge.domain.people.credentials import Token
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.roster.enrolment_export import Enrolment
from edge.domain.roster.member import SIZES, Member, decode_member
from edge.domain.roster.messages import KeyMessage, Page, PersonMessage, RosterManifest
from edge.domain.roster.topics import TopicPart, place_of
from edge.domain.vocabulary import ErasureReason
from edge.errors import RecordError
from edge.people.people_store import People
from edge.people.roster.export import export_enrolment
from tests.support.people import CONSENT
from tests.support.schemas import DOCS, SCHEMAS, valid

ANN, BOB, FAY, GUY, LEO = (letter * 26 for letter in "abfgl")
GATE, IDENTITY, AUTHORITY = Origin("main", "gate-1"), SigningKey(b"i" * 32), SigningKey(b"a" * 32)
ROWS = np.eye(3, 16, dtype=np.float32)
DIGEST = f"$argon2id$v=19$m=65536,t=3,p=1${'A' * 22}${'A' * 43}"
TOKENS = ((Token.BADGE, "0004711"), (Token.NUMBER, "77001"))
PEOPLE = {
    ANN: Member("Ann", CONSENT, {"model-a": ROWS, "model-b": ROWS[:1]}, tokens=TOKENS, pin=DIGEST),
    BOB: Member("Bob Ödegård", CONSENT, {"model-a": ROWS}),
    FAY: Member("Fay", None, {}, tokens=((Token.BADGE, "0008899"),)),
    GUY: Member("Guy", CONSENT, {"model-a": ROWS}, pin=DIGEST),
    LEO: Member("Leo", CONSENT, {"model-a": ROWS}),
}
SECTION = (DOCS / "protocol.md").read_text().partition("\n## Roster\n")[2].partition("\n## ")[0]
Documents = dict[str, list[dict[str, Any]]]


def line(payload: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload.partition(b"\n")[0])
    return found


def document(padded: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(padded[4 : 4 + int.from_bytes(padded[:4], "big")])
    return found


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """Every message of a site: with a face, without one, withdrawn, an objector, and somebody who left."""
    root: Path = tmp_path_factory.mktemp("centre")
    terminal = RegisteredTerminal(1, GATE, dsse.key_id(IDENTITY.verify_key), IDENTITY.verify_key, "", None)
    made: Documents = {name: [] for name in SCHEMAS if name.startswith("roster-")}
    with RosterStore(root) as store:
        for person, member in PEOPLE.items():
            membership.add(store, "main", person, member)
        compose(store, "main", [terminal], AUTHORITY)
        membership.withdraw(store, GUY)
        membership.restrict(store, BOB, Restriction.OBJECTED)
        membership.remove(store, "main", LEO, ErasureReason.REQUESTED)
        sent, here = compose(store, "main", [terminal], AUTHORITY), store.site("main")
    assert here is not None
    for topic, one in sent.items():
        assert valid("envelope", json.loads(one.wire)), topic
        place, payload = place_of(topic), dsse.parse(one.wire).payload
        assert place is not None
        if place.part is not TopicPart.PERSON:
            made[f"roster-{place.part}"].append(json.loads(payload))
            continue
        made["roster-person"].append(line(payload))
        message = PersonMessage.decode(payload)
        if message.gone is None:
            made["roster-member"].append(document(site_key.decrypt(here.key, message.sealed, message.line())))
    with People(root / "terminal.db", b"k" * 32) as people:
        people.receive({ANN: PEOPLE[ANN]}, Policy(CONSENT.policy_version, CONSENT.policy_sha256))
        wire = export_enrolment(ANN, AUTHORITY.verify_key, GATE, IDENTITY, people, "2026-03-02T09:00:00.000Z")
    parsed = dsse.parse(wire)
    assert parsed.payload_type == Enrolment.PAYLOAD_TYPE
    made["enrolment"] = [line(parsed.payload)]
    return made


def test_real_messages_match_their_schema_and_no_other(real: Documents) -> None:
    counted = {name: len(documents) for name, documents in real.items()}
    assert counted == {"roster-key": 1, "roster-manifest": 1, "roster-member": 4, "roster-page": 5,
                       "roster-person": 5, "enrolment": 1}  # fmt: skip
    for name, documents in real.items():
        for found in documents:
            assert [other for other in real if valid(other, found)] == [name], found
    consents = [found["consent"] and found["consent"]["withdrawn_at"] for found in real["roster-member"]]
    assert sorted(map(type, consents), key=str) == sorted([type(None)] * 3 + [str], key=str)
    assert sum("gone" in found for found in real["roster-person"]) == 1
    assert {found.get("v", 1) for found in real["roster-member"]} == {1, 2}
    assert {found["v"] for found in real["roster-person"]} == {1}, "the line does not tell who gave no face"


def test_every_field_stands_in_the_section_and_in_the_schema(real: Documents) -> None:
    for name, documents in real.items():
        fields = set().union(*documents)
        assert fields <= set(SCHEMAS[name]["properties"]) <= fields | {"v", "objected"}
        assert [field for field in fields if f"`{field}`" not in SECTION] == []
        assert f"schemas/{name}.json" in SECTION
    assert set(SCHEMAS["roster-member"]["properties"]["consent"]["properties"]) == {*Consent.__dataclass_fields__}
    reasons = SCHEMAS["roster-person"]["properties"]["gone"]["enum"]
    assert reasons == list(ErasureReason)


def raw_of(found: dict[str, Any]) -> bytes:
    """The plaintext with this document, and its templates as far as it lists them."""
    text = json.dumps(found).encode()
    listed = found.get("templates")
    plain = len(text).to_bytes(4, "big") + text
    for one in listed if isinstance(listed, list) else []:
        plain += ROWS[: one[1]].tobytes() if isinstance(one, list) and one[1:] in ([3, 16], [1, 16]) else b""
    return plain.ljust(SIZES[-1], b"\0")


READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "roster-key": lambda found: KeyMessage.decode(json.dumps(found).encode()),
    "roster-page": lambda found: Page.decode(json.dumps(found).encode()),
    "roster-manifest": lambda found: RosterManifest.decode(json.dumps(found).encode()),
    "roster-person": lambda found: PersonMessage.decode(
        json.dumps(found, separators=(",", ":")).encode() + b"\n" + (b"" if "gone" in found else b"sealed")
    ),
    "roster-member": lambda found: decode_member(raw_of(found)),
    "enrolment": lambda found: Enrolment.decode(json.dumps(found).encode() + b"\nbox"),
}


def takes(name: str, found: dict[str, Any]) -> bool:
    try:
        READERS[name](found)
    except RecordError:
        return False
    return True


def places(value: object, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield (*here, name)
        yield from places(inner, (*here, name))


WRONG = (None, "", "x\ny", -1, 0, 0.5, 2**60, True, False, [], ["\n"], {}, {"x": 1}, "DROP", "A" * 300)


@pytest.mark.parametrize("name", READERS)
def test_what_a_terminal_refuses_the_schema_refuses_and_nothing_else(real: Documents, name: str) -> None:
    refused = 0
    for found in real[name]:
        assert takes(name, found)
        assert valid(name, found)
        for place, wrong in itertools.product(places(found), [*WRONG, ...]):
            changed = json.loads(json.dumps(found))
            target = changed
            for step in place[:-1]:
                target = target[step]
            if wrong is ...:
                del target[place[-1]]
            else:
                target[place[-1]] = wrong
            assert valid(name, changed) is takes(name, changed), (place, wrong)
            refused += not takes(name, changed)
    assert refused > 5 * len(SCHEMAS[name]["required"])


def test_they_agree_on_every_combination_of_face_consent_badge_and_pin(real: Documents) -> None:
    (given,) = (one for one in real["roster-member"] if one["name"] == "Ann")
    withdrawn = {**given["consent"], "withdrawn_at": "2026-04-01T09:00:00Z"}
    choices: dict[str, list[Any]] = {
        "v": [..., 1, 2, 3],
        "consent": [..., None, given["consent"], withdrawn],
        "templates": [[], given["templates"]],
        "tokens": [..., [], given["tokens"]],
        "pin": [..., None, DIGEST],
        "restricted": [True, False],
        "objected": [..., True, False],
    }
    kept = []
    for values in itertools.product(*choices.values()):
        chosen = {**given, **dict(zip(choices, values, strict=True))}
        found = {field: value for field, value in chosen.items() if value is not ...}
        taken = takes("roster-member", found)
        assert valid("roster-member", found) is taken, found
        if taken:
            kept.append(found)
    assert kept
    faces = [found for found in kept if found["templates"]]
    assert all(found["consent"] and found["consent"]["withdrawn_at"] is None for found in faces)
    assert all(found["templates"] or found.get("tokens") or found.get("pin") for found in kept)


@pytest.mark.parametrize(
    "memory", ["1", "9", "16384", "65535", "65536", "65537", "65540", "66000", "70000", "99999", "0", "01"]
)
def test_they_agree_on_what_checking_a_pin_may_cost(real: Documents, memory: str) -> None:
    found = {**real["roster-member"][0], "pin": DIGEST.replace("65536", memory)}
    assert valid("roster-member", found) is takes("roster-member", found)
    assert takes("roster-member", found) is (memory in {"1", "9", "16384", "65535", "65536"})
