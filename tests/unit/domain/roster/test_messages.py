"""The roster's messages: strict, in one form, and nothing but RecordError for anything else."""

import base64
import contextlib
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.people.consent import Consent
from edge.domain.people.credentials import Token
from edge.domain.protocol.record import Origin
from edge.domain.roster import messages
from edge.domain.roster.enrolment_export import Enrolment
from edge.domain.roster.manifest_index import ManifestIndex, MessageVerdict
from edge.domain.roster.member import SIZES, Member, contradiction, decode_member, encode_member
from edge.domain.roster.messages import KeyMessage, ManifestEntry, Page, PersonMessage, RosterManifest
from edge.domain.roster.topics import Place, TopicPart, place_of, subscriptions
from edge.domain.vocabulary import ErasureReason
from edge.errors import RecordError

ANN, BOB = "a" * 26, "b" * 26
HASH = "0123456789abcdef" * 4
CONSENT = Consent("2026-1", "c" * 64, "en", "2026-03-01T09:00:00Z", "J. Smith", True, True)
ONE = PersonMessage("main", ANN, 7, "f" * 32, b"sealed\nbytes")
TOMBSTONE = PersonMessage("main", ANN, 8, gone=ErasureReason.REQUESTED)
PAGE = Page("main", "a", 9, {ANN: ManifestEntry(7, HASH)})
MANIFEST = RosterManifest("main", 9, 1, HASH, {"a": HASH})
KEY = KeyMessage(Origin("main", "gate-1"), 2, "f" * 32, b"s" * 80)
ENROLMENT = Enrolment(Origin("main", "gate-1"), ANN, "f" * 32, b"box")


def rows(count: int = 3, length: int = 512):
    made = np.random.default_rng(1).standard_normal((count, length)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


MEMBER = Member("Ann", CONSENT, {"model-a": rows(), "model-b": rows(1, 128)}, content=3)
FACELESS = Member("Fay", None, {}, tokens=((Token.BADGE, "0004711"),), content=2)
FORMS = [
    (ONE.encode(), messages.PersonMessage.decode),
    (TOMBSTONE.encode(), messages.PersonMessage.decode),
    (PAGE.encode(), messages.Page.decode),
    (MANIFEST.encode(), messages.RosterManifest.decode),
    (KEY.encode(), messages.KeyMessage.decode),
    (ENROLMENT.encode(), Enrolment.decode),
    (encode_member(FACELESS), decode_member),
    (encode_member(MEMBER), decode_member),
]


def test_each_roster_message_is_decoded_as_it_was_encoded() -> None:
    made = [decode(payload) for payload, decode in FORMS[:-2]]
    assert made == [ONE, TOMBSTONE, PAGE, MANIFEST, KEY, ENROLMENT]
    member = decode_member(FORMS[-1][0])
    assert (member.name, member.consent, member.restricted, member.content) == ("Ann", CONSENT, False, 3)
    assert all(np.array_equal(member.templates[model], matrix) for model, matrix in MEMBER.templates.items())


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FORMS), st.data())
def test_whatever_is_changed_cut_or_added_nothing_but_a_record_error_comes_of_it(form, data) -> None:
    payload, decode = form
    at = data.draw(st.integers(0, len(payload) - 1))
    new = data.draw(st.binary(max_size=3))
    altered = payload[:at] + new + payload[at + data.draw(st.integers(0, 3)) :]
    with contextlib.suppress(RecordError):  # nothing else may come of it
        made = decode(altered)
        assert not isinstance(made, Member) or contradiction(made) is None


def altered(payload: bytes, **changes) -> bytes:
    document = json.loads(payload)
    document.update(changes)
    return json.dumps({key: value for key, value in document.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": True},
        {"v": 1.0},
        {"site": "Main"},
        {"version": 0},
        {"version": True},
        {"version": 2**53 + 1},
        {"bucket": "1"},
        {"bucket": "ab"},
        {"bucket": "b"},
        {"version": 6},
        {"entries": ...},
        {"entries": [[ANN, 7]]},
        {"entries": [[ANN, 7, HASH], [ANN, 7, HASH]]},
        {"entries": [["ab" * 13, 7, HASH], [ANN, 7, HASH]]},
        {"entries": [["someone", 7, HASH]]},
        {"entries": [[ANN, "7", HASH]]},
        {"entries": [[ANN, 7, "x"]]},
    ],
)
def test_a_malformed_page_is_refused(changes) -> None:
    with pytest.raises(RecordError):
        Page.decode(altered(PAGE.encode(), **changes))


@pytest.mark.parametrize(
    "changes",
    [{"count": -1}, {"count": 4_097}, {"count": True}, {"pages": []}, {"pages": {"1": HASH}}, {"pages": {"a": 1}},
     {"sha256": "x"}, {"site": ...}],
)  # fmt: skip
def test_a_malformed_manifest_is_refused(changes) -> None:
    with pytest.raises(RecordError):
        RosterManifest.decode(altered(MANIFEST.encode(), **changes))


@pytest.mark.parametrize(
    "changes", [{"sealed": "!"}, {"sealed": "AAAA"}, {"sealed": None}, {"key": "F" * 32}, {"terminal": "roster"}]
)
def test_a_malformed_key_is_refused(changes) -> None:
    with pytest.raises(RecordError):
        KeyMessage.decode(altered(KEY.encode(), **changes))


@pytest.mark.parametrize(
    "payload",
    [
        ONE.line(),
        ONE.line() + b"\n",
        TOMBSTONE.line() + b"\nmore",
        ONE.line().replace(b'"key"', b'"gone":"requested","key"') + b"\nx",
        TOMBSTONE.line().replace(b"requested", b"bored") + b"\n",
        TOMBSTONE.line().replace(b'"requested"', b"[]") + b"\n",
        ONE.line().replace(b'"v":1', b'"v": 1') + b"\nx",
        ONE.line().replace(b"}", b',"more":1}') + b"\nx",
        ONE.line() + b"\n" + b"x" * 24_000,
        b'{"v":1}\nx',
    ],
)
def test_a_malformed_person_is_refused(payload: bytes) -> None:
    with pytest.raises(RecordError):
        PersonMessage.decode(payload)


def test_sizes_say_little() -> None:
    lengths = {
        len(encode_member(replace(MEMBER, name="n" * length, templates={"m": rows(count)})))
        for length in (1, 20, 200)
        for count in (1, 2, 3)
    }
    assert lengths <= set(SIZES)
    assert len(encode_member(replace(MEMBER, name="A"))) == len(
        encode_member(replace(MEMBER, name="A much longer name than that"))
    )


@pytest.mark.parametrize(
    "member",
    [
        replace(MEMBER, name=" "),
        replace(MEMBER, name="two\nlines"),
        replace(MEMBER, content=0),
        replace(MEMBER, templates={"m": rows() * 2}),
        replace(MEMBER, templates={"m": rows(33, 16)}),
        replace(MEMBER, templates={"a\nb": rows()}),
        replace(MEMBER, consent=replace(CONSENT, given_at="yesterday")),
        replace(MEMBER, consent=replace(CONSENT, withdrawn_at="never")),
    ],
)
def test_a_member_that_nobody_would_take_is_not_made(member: Member) -> None:
    with pytest.raises(RecordError):
        encode_member(member)


def test_somebody_without_a_face_comes_back_as_they_went() -> None:
    found = decode_member(encode_member(FACELESS))
    assert (found.name, found.consent, found.templates) == ("Fay", None, {})
    assert (found.tokens, found.pin, found.restricted, found.content) == (FACELESS.tokens, None, False, 2)
    withdrawn = replace(FACELESS, consent=replace(CONSENT, withdrawn_at="2026-04-01T09:00:00Z"))
    assert decode_member(encode_member(withdrawn)).consent == withdrawn.consent
    objector = replace(MEMBER, restricted=True, objected=True)
    assert decode_member(encode_member(objector)).objected


def test_their_size_does_not_tell_who_gave_no_face() -> None:
    shipped = replace(MEMBER, templates={"m": rows(3, 704)})
    assert len(encode_member(FACELESS)) == len(encode_member(shipped))


def sealed_document(member: Member, **changes) -> bytes:
    """As a centre would that follows no rule: the document is changed, and its templates follow it as they were."""
    plain = encode_member(member)
    length = int.from_bytes(plain[:4], "big")
    document = json.loads(plain[4 : 4 + length])
    rest = plain[4 + length :].rstrip(b"\0")
    document.update(changes)
    made = json.dumps({name: value for name, value in document.items() if value is not ...}).encode()
    return (len(made).to_bytes(4, "big") + made + rest).ljust(SIZES[-1], b"\0")


WITHDRAWN = {**asdict(CONSENT), "withdrawn_at": "2026-04-01T09:00:00Z"}


@pytest.mark.parametrize(
    ("member", "changes"),
    [
        (MEMBER, {"consent": None}),
        (MEMBER, {"consent": None, "v": 2}),
        (MEMBER, {"consent": ..., "v": 2}),
        (MEMBER, {"consent": WITHDRAWN}),
        (MEMBER, {"v": 2}),
        (MEMBER, {"v": 3}),
        (MEMBER, {"v": True}),
        (MEMBER, {"v": 1.0}),
        (FACELESS, {"v": 2.0}),
        (MEMBER, {"v": None}),
        (MEMBER, {"objected": True}),
        (MEMBER, {"objected": 1, "restricted": True}),
        (FACELESS, {"v": ...}),
        (FACELESS, {"v": 1}),
        (FACELESS, {"v": 3}),
        (FACELESS, {"consent": ...}),
        (FACELESS, {"consent": WITHDRAWN}),
        (FACELESS, {"tokens": []}),
        (FACELESS, {"tokens": ...}),
        (FACELESS, {"tokens": [["face", "0004711"]]}),
        (FACELESS, {"tokens": [[[], "0004711"]]}),
        (FACELESS, {"templates": [["m", 1, 8]]}),
    ],
)
def test_a_face_without_a_consent_and_somebody_with_nothing_are_refused(member: Member, changes) -> None:
    assert decode_member(sealed_document(member)) is not None, "it is the change that is refused"
    with pytest.raises(RecordError):
        decode_member(sealed_document(member, **changes))


@pytest.mark.parametrize(
    "member",
    [
        replace(MEMBER, consent=None),
        replace(MEMBER, consent=Consent(**WITHDRAWN)),
        replace(MEMBER, templates={}),
        replace(FACELESS, tokens=()),
        replace(FACELESS, objected=True),
    ],
)
def test_such_a_person_is_not_made_either(member: Member) -> None:
    with pytest.raises(RecordError):
        encode_member(member)


def test_numbers_that_overflow_are_no_templates() -> None:
    padded = encode_member(MEMBER)
    at = padded.index(rows().tobytes()[:16])
    with pytest.raises(RecordError, match="unit"):
        decode_member(padded[:at] + np.full(4, 3e38, "<f4").tobytes() + padded[at + 16 :])


def test_something_behind_the_templates_is_refused() -> None:
    padded = encode_member(MEMBER)
    with pytest.raises(RecordError, match="follows"):
        decode_member(padded[:-1] + b"x")


def test_topics_and_back() -> None:
    for part, name in (
        (TopicPart.PERSON, ANN),
        (TopicPart.PAGE, "q"),
        (TopicPart.MANIFEST, ""),
        (TopicPart.KEY, "gate-1"),
    ):
        place = Place("main", part, name)
        assert place_of(place.topic) == place
    for topic in (
        "smartclocker/v1/main/roster/person/ann",
        "smartclocker/v1/main/roster/manifest/",
        "smartclocker/v1/main/roster/page/1",
        "smartclocker/v1/main/roster/other/x",
        "smartclocker/v1/main/roster/probe",
        "smartclocker/v1//roster/manifest",
        "smartclocker/v1/a/b/roster/manifest",
        "smartclocker/v1/main/gate-1/command",
        "x/smartclocker/v1/main/roster/manifest",
        "",
    ):
        assert place_of(topic) is None, topic
    assert subscriptions(Origin("main", "gate-1"))[0] == "smartclocker/v1/main/roster/key/gate-1"


def test_a_manifest_whose_hash_is_not_that_of_its_pages_is_missing_itself() -> None:
    listing = ManifestIndex()
    listing.put(PAGE, HASH)
    listing.manifest = MANIFEST
    assert listing.missing({ANN: ManifestEntry(7, HASH)}) == ["manifest"]
    listing.manifest = replace(MANIFEST, sha256=messages.digest(PAGE.entries))
    assert listing.missing({ANN: ManifestEntry(7, HASH)}) == []
    assert listing.missing({ANN: ManifestEntry(6, HASH)}) == [ANN]
    assert listing.missing({ANN: ManifestEntry(10, HASH)}) == []


def test_verdicts() -> None:
    listing = ManifestIndex()
    assert listing.verdict(ANN, 1, HASH) is MessageVerdict.WAIT
    listing.manifest = MANIFEST
    assert listing.verdict(ANN, 7, HASH) is MessageVerdict.WAIT
    assert listing.verdict(BOB, 7, HASH) is MessageVerdict.STALE  # no page of b: nobody is in it
    assert listing.verdict(BOB, 10, HASH) is MessageVerdict.CURRENT
    listing.put(PAGE, HASH)
    assert listing.verdict(ANN, 7, HASH) is MessageVerdict.CURRENT
    assert listing.verdict(ANN, 7, "f" * 64) is MessageVerdict.STALE
    assert listing.verdict(ANN, 6, HASH) is MessageVerdict.STALE
    assert listing.unlisted({BOB: ManifestEntry(9, HASH), ANN: ManifestEntry(7, HASH)}) == [BOB]
    assert listing.unlisted({BOB: ManifestEntry(10, HASH)}) == []


KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(200)]


def test_a_manifest_names_the_terminals_and_one_of_an_earlier_version_does_not() -> None:
    named = replace(MANIFEST, terminals={"gate-2": [KEYS[1]], "gate-1": [KEYS[3], KEYS[2]]})
    said = json.loads(named.encode())
    assert list(said["terminals"].items()) == [("gate-1", [KEYS[2], KEYS[3]]), ("gate-2", [KEYS[1]])]
    assert RosterManifest.decode(named.encode()).terminals == said["terminals"]
    assert "terminals" not in json.loads(MANIFEST.encode())
    assert RosterManifest.decode(MANIFEST.encode()).terminals == {}


@pytest.mark.parametrize(
    "terminals",
    [
        [], "gate-1", {"gate-1": KEYS[0]}, {"gate-1": []}, {"gate-1": [""]}, {"gate-1": [KEYS[0][:-1]]},
        {"gate-1": [KEYS[0] + "="]}, {"gate-1": [KEYS[0][:-2] + "B="]}, {"gate-1": [None]}, {"roster": [KEYS[0]]},
        {"Gate 1": [KEYS[0]]}, {"gate-1": {}}, {"gate-1": KEYS[:129]},
    ],
)  # fmt: skip
def test_malformed_terminals_are_refused(terminals: object) -> None:
    with pytest.raises(RecordError, match=r"roster manifest: (terminals are|a terminal)"):
        RosterManifest.decode(json.dumps({**json.loads(MANIFEST.encode()), "terminals": terminals}).encode())


def test_as_many_terminals_as_a_manifest_names_fit_into_its_payload() -> None:
    names = {f"{number:032d}": [KEYS[number]] for number in range(messages.MAX_IDENTITIES)}
    full = replace(MANIFEST, count=4096, pages=dict.fromkeys(messages.BUCKETS, HASH), terminals=names)
    assert len(full.encode()) < messages.MAX_PAYLOAD
