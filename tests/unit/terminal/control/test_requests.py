"""What the command line may ask: everything else is refused before anything is done, and quotes nothing."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.attendance.cues import CueName
from edge.errors import RecordError
from edge.terminal.control.requests import (
    KINDS,
    MOST_REQUEST,
    CardRequest,
    CuesRequest,
    EnrolRequest,
    StatusRequest,
    done,
    parse,
    progress,
    refused,
)

ENROL = {
    "v": 1,
    "do": "enrol",
    "name": "Ada Lovelace",
    "witness": "4711",
    "language": "en",
    "consent": True,
    "age_attested": True,
    "employer_agreed": True,
    "by": "uid:1000",
}


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_each_request_is_read() -> None:
    assert parse(line(v=1, do="status")) == StatusRequest()
    assert parse(line(v=1, do="cues", cues=["in", "too-far"])) == CuesRequest([CueName.IN, CueName.TOO_FAR])
    assert parse(line(v=1, do="card-next", by="uid:0")) == CardRequest("uid:0")
    assert isinstance(parse(line(**ENROL)), EnrolRequest)
    assert set(KINDS) == {"status", "cues", "camera-test", "card-next", "enrol", "cancel"}


def test_fields_of_a_newer_program_are_passed_over() -> None:
    assert parse(line(v=1, do="status", colour="blue")) == StatusRequest()


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"v":1}',
        b'{"do":"status"}',
        b'{"v":2,"do":"status"}',
        b'{"v":true,"do":"status"}',
        b'{"v":1,"do":"Status"}',
        b'{"v":1,"do":["status"]}',
        b'{"v":1,"do":"status","do":"enrol"}',
        b'{"v":1,"do":"cues"}',
        b'{"v":1,"do":"cues","cues":[]}',
        b'{"v":1,"do":"cues","cues":["green"]}',
        b'{"v":1,"do":"cues","cues":"in"}',
        b"[" * 4_000,
        b'{"v":1,"do":"status","x":"' + b"a" * MOST_REQUEST + b'"}',
    ],
)
def test_malformed_lines_are_refused(wrong: bytes) -> None:
    with pytest.raises(RecordError):
        parse(wrong)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("consent", False),
        ("consent", 1),
        ("consent", "true"),
        ("age_attested", False),
        ("employer_agreed", None),
        ("by", "Ada"),
        ("by", "uid:-1"),
        ("person", "../../etc"),
        ("person", ""),
        ("name", ""),
        ("name", "a\nb"),
        ("name", "x" * 201),
        ("language", "klingon!"),
        ("witness", "\u2028"),
        ("despite_lookalike", "no"),
    ],
)
def test_no_answer_is_assumed_and_no_field_takes_another_form(field: str, value: object) -> None:
    with pytest.raises(RecordError) as refusal:
        parse(line(**{**ENROL, field: value}))
    assert field in str(refusal.value)
    assert "Ada" not in str(refusal.value)


@pytest.mark.parametrize("field", sorted(set(ENROL) - {"v", "do"}))
def test_no_field_of_an_enrolment_may_lack(field: str) -> None:
    with pytest.raises(RecordError, match=field):
        parse(line(**{name: value for name, value in ENROL.items() if name != field}))


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["v", "do", "cues", "by"]), inner)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_comes_is_a_request_or_refused(raw: bytes) -> None:
    with contextlib.suppress(RecordError):
        assert isinstance(parse(raw), tuple(KINDS.values()))


def test_answers_are_one_line_each() -> None:
    for said in (progress("cue", text="a\nb"), done(person="x"), refused("busy", "wait\nor go")):
        assert b"\n" not in said
        assert json.loads(said)["v"] == 1
