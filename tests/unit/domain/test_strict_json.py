"""JSON in which no two readers can differ."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.strict_json import MAX_DEPTH, dump, is_version, parse_object
from edge.errors import RecordError

LIMIT = 4096


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{",
        b"{}{}",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": -1e999}',
        b'{"a": 9007199254740993}',
        b'{"a": -9007199254740993}',
        b'{"a": ' + b"9" * 3000 + b"}",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"\\u0061": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        '{"a": 1}'.encode("utf-32"),
        b'{"a": "\n"}',
        b'{"a": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b'{"a": "' + b"x" * LIMIT + b'"}',
    ],
)
def test_what_readers_may_differ_on_is_refused(raw: bytes) -> None:
    with pytest.raises(RecordError):
        parse_object(raw, LIMIT)


def test_as_much_nesting_as_is_allowed_is_read() -> None:
    assert parse_object(b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH, LIMIT)
    assert parse_object(b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}", LIMIT)


def test_json_that_all_readers_agree_on_is_read() -> None:
    raw = b'{"a": [1, -9007199254740992, 9007199254740992, 1.5, true, null], "b": "\\ud83d\\ude00\\u0000"}'
    assert parse_object(raw, LIMIT) == {"a": [1, -(2**53), 2**53, 1.5, True, None], "b": "\U0001f600\0"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,  # keeps the nesting within MAX_DEPTH
)  # fmt: skip


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_json_that_we_write_is_read_again(value: dict) -> None:
    raw = dump(value)
    assert parse_object(raw, len(raw)) == value
    assert json.loads(raw) == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_but_a_record_error_comes_out(raw: bytes) -> None:
    with contextlib.suppress(RecordError):
        assert isinstance(parse_object(raw, LIMIT), dict)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes", object(), "\ud800", {("a",): 1}])
def test_what_json_cannot_say_is_not_written(value: object) -> None:
    with pytest.raises(RecordError):
        dump({"value": value})


def test_a_value_within_itself_is_not_written() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(RecordError):
        dump(loop)


@pytest.mark.parametrize("said", [b"1.0", b"1e0", b"10E-1", b"true", b'"1"', b"2", b"null", b"[1]"])
def test_a_version_is_an_integer_without_a_point(said: bytes) -> None:
    assert is_version(parse_object(b'{"v":1}', LIMIT))
    assert not is_version(parse_object(b'{"v":' + said + b"}", LIMIT))
    assert not is_version({})
