"""Orders: the form, before anything acts on a word of it."""

import base64
import json
from dataclasses import replace

import pytest

from edge.domain.protocol.order import FIELDS, Order, Word, expired
from edge.domain.protocol.record import Origin
from edge.errors import RecordError

KEY = base64.b64encode(bytes(32)).decode()
GOOD: dict[Word, dict] = {
    Word.WITHDRAW: {"person": "a" * 26},
    Word.ERASE: {"person": "a" * 26, "reason": "requested"},
    Word.RESTRICT: {"person": "a" * 26},
    Word.UNRESTRICT: {"person": "a" * 26, "lifts": "restriction"},
    Word.OBJECT: {"person": "a" * 26},
    Word.RECTIFY: {"person": "a" * 26, "name": base64.b64encode(bytes(60)).decode()},
    Word.ACCESS: {"person": "a" * 26, "reply_key": KEY},
    Word.POLICY: {"version": "2026-2", "sha256": "b" * 64, "text": "The policy.\n", "consent_again": True},
    Word.EMPLOYMENT_ENDED: {"person": "a" * 26, "at": "2026-12-31T23:00:00.000Z"},
    Word.EMPLOYMENT_CONTINUES: {"person": "a" * 26},
    Word.UNDER_AGE: {"person": "a" * 26},
    Word.RELEASE_EVIDENCE: {
        "person": "a" * 26,
        "records": [f"gate-1/{'e' * 32}/17"],
        "ground": "dispute",
    },
    Word.DELETE_EVIDENCE: {"whose": "*"},
    Word.ENROL: {
        "person": "a" * 26,
        "policy_version": "2",
        "policy_sha256": "b" * 64,
        "witness": "4711",
        "employer_agreed": True,
    },
    Word.ROTATE: {"key": KEY, "from": "2026-03-01T00:00:00.000Z", "until": "2026-04-01T00:00:00.000Z"},
}


def order(word: Word = Word.RESTRICT) -> Order:
    return Order(
        "c" * 32, "hq", ("gate-1", "gate-2"), 7, "2026-03-01T08:00:00.000Z", "2026-04-01T08:00:00.000Z", word,
        GOOD[word],
    )  # fmt: skip


@pytest.mark.parametrize("word", Word)
def test_each_word_goes_there_and_back(word: Word) -> None:
    assert Order.decode(order(word).encode()) == order(word)
    everywhere = replace(order(word), terminals=("*",))
    assert Order.decode(everywhere.encode()) == everywhere


@pytest.mark.parametrize(("word", "field"), [(word, field) for word in Word for field in FIELDS[word]])
def test_a_field_that_lacks_or_is_no_such_thing_is_refused(word: Word, field: str) -> None:
    document = json.loads(order(word).encode())
    for value in (None, "", 7, -1, [], {}, "x" * 20_000):
        with pytest.raises(RecordError):
            Order.decode(json.dumps({**document, field: value}).encode())
    del document[field]
    with pytest.raises(RecordError, match=field):
        Order.decode(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2), ("v", True), ("v", 1.0), ("id", "C" * 32), ("site", "a/b"), ("site", "roster"), ("terminals", []),
        ("terminals", "gate-1"), ("terminals", ["gate-1", "gate-1"]), ("terminals", ["+"]), ("terminals", [1]),
        ("terminals", [f"t{n}" for n in range(257)]), ("sequence", 0), ("sequence", True), ("sequence", 2**60),
        ("issued", "yesterday"), ("expires", "2026-03-01T08:00:00.000Z"), ("expires", "2026-06-02T08:00:00.000Z"),
        ("order", "resend"), ("order", None), ("order", ["erase"]),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused(field: str, value: object) -> None:
    document = json.loads(order().encode())
    with pytest.raises(RecordError, match=r"order:|2\^53"):
        Order.decode(json.dumps({**document, field: value}).encode())


def test_the_encoder_is_held_to_the_same_rules() -> None:
    with pytest.raises(RecordError):
        replace(order(), sequence=0).encode()
    with pytest.raises(RecordError):
        replace(order(Word.ERASE), fields={"person": "a" * 26, "reason": "spite"}).encode()
    backwards = {**GOOD[Word.ROTATE], "until": "2026-02-01T00:00:00.000Z"}
    with pytest.raises(RecordError, match="until"):
        replace(order(Word.ROTATE), fields=backwards).encode()


def test_an_order_is_for_whom_it_names() -> None:
    assert order().names(Origin("hq", "gate-2"))
    assert not order().names(Origin("hq", "gate-3"))
    assert not order().names(Origin("other", "gate-2"))
    everywhere = replace(order(), terminals=("*",))
    assert everywhere.names(Origin("hq", "gate-3"))
    assert not everywhere.names(Origin("other", "gate-3"))


def test_it_ends_by_itself_and_says_whom_it_is_about() -> None:
    assert not expired(order(), "2026-04-01T07:59:59.999Z")
    assert expired(order(), "2026-04-01T08:00:00.000Z")
    assert order().person == "a" * 26
    assert order().scope == order(Word.OBJECT).scope == order(Word.UNRESTRICT).scope != order(Word.RECTIFY).scope
    assert order(Word.ERASE).scope is order(Word.WITHDRAW).scope is None
    assert (order(Word.POLICY).person, order(Word.POLICY).scope) == (None, "policy")
