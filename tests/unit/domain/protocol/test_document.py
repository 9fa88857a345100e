"""Documents by type: what their field types hold, and what an error names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

import pytest
from msgspec import Meta
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol.document import Document, first_fault, fits
from edge.domain.protocol.fields import UTC, Count, Hash, Instant, Name
from edge.domain.protocol.record import Origin
from edge.domain.time.instant import is_instant
from edge.errors import RecordError

KEY = SigningKey(b"\x01" * 32)
KEYS = {dsse.key_id(KEY.verify_key): KEY.verify_key}


@dataclass(frozen=True, slots=True)
class Parcel(Document):
    NOUN = "parcel"
    PAYLOAD_TYPE = "application/x-parcel"
    MAX_PAYLOAD = 400
    FAULTS: ClassVar[Mapping[str, str]] = {"marks.*.1": "parcel: a mark has no number"}

    origin: Origin
    weight: Count
    marks: Annotated[list[tuple[Name, Count]], Meta(max_length=2)]
    seals: Mapping[str, Hash]
    content: bytes = b""

    def _judge(self) -> None:
        if self.weight == 13:
            raise RecordError("parcel: nobody carries it")


SAID: dict[str, Any] = {
    "v": 1, "site": "hq", "terminal": "door-1", "weight": 2, "marks": [["red", 1]], "seals": {"a": "d" * 64},
}  # fmt: skip


def read(**changed: Any) -> Parcel:
    return Parcel.decode(json.dumps({**SAID, **changed}).encode())


def test_words_that_a_type_does_not_know_are_passed_over() -> None:
    assert read(more=1, origin="x") == read()
    assert read().origin == Origin("hq", "door-1")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"v": True}, "parcel: not version 1"),
        ({"v": 1.0}, "parcel: not version 1"),
        ({"site": "roster"}, "parcel: site is missing or malformed"),
        ({"site": "hq\n"}, "parcel: site is missing or malformed"),
        ({"terminal": None, "weight": 0}, "parcel: terminal is missing or malformed"),
        ({"weight": 1.0}, "parcel: weight is missing or malformed"),
        ({"weight": True}, "parcel: weight is missing or malformed"),
        ({"weight": "1"}, "parcel: weight is missing or malformed"),
        ({"marks": [["red", 1]] * 3}, "parcel: marks is missing or malformed"),
        ({"marks": [["red", 1], ["RED", 2]]}, "parcel: marks is missing or malformed"),
        ({"marks": [["red", "1"]]}, "parcel: a mark has no number"),
        ({"seals": {"a": "d"}}, "parcel: seals is missing or malformed"),
        ({"seals": []}, "parcel: seals is missing or malformed"),
        ({"content": "AAAA"}, "parcel: content is missing or malformed"),
        ({"weight": 13}, "parcel: nobody carries it"),
    ],
)
def test_an_error_names_the_first_field_that_is_malformed(changed: dict[str, Any], error: str) -> None:
    with pytest.raises(RecordError) as raised:
        read(**changed)
    assert str(raised.value) == error


def test_a_key_that_stands_twice_is_refused_before_any_type_is_asked() -> None:
    twice = json.dumps(SAID).replace('"weight": 2', '"weight": 2, "weight": 2')
    with pytest.raises(RecordError, match="a key appears twice"):
        Parcel.decode(twice.encode())


def test_the_place_of_a_fault_lies_as_deep_as_it_can_be_told() -> None:
    assert first_fault([["red", 0]], list[tuple[Name, Count]]) == "*.1"
    assert first_fault([["red"]], list[tuple[Name, Count]]) == "*"
    assert first_fault({"a": 1}, Mapping[str, Hash]) == "*"
    assert first_fault({}, Origin) == "site"
    assert first_fault(7, Name) == ""


def test_nothing_is_decoded_before_its_signature_holds() -> None:
    sealed = dsse.sign(Parcel.PAYLOAD_TYPE, b"no JSON", KEY)
    with pytest.raises(RecordError, match="not a JSON document"):
        dsse.open(sealed, Parcel, KEYS)
    with pytest.raises(RecordError, match="not known here"):
        dsse.open(sealed, Parcel, {})
    with pytest.raises(RecordError, match="another payload type"):
        dsse.open(dsse.to_wire(dsse.sign("application/json", b"no JSON", KEY)), Parcel, KEYS)


def test_what_is_sealed_is_opened_and_what_no_reader_takes_is_not_sealed() -> None:
    parcel = Parcel(Origin("hq", "door-1"), 2, [], {})
    with pytest.raises(RecordError, match="content"):
        dsse.seal(parcel, KEY)  # its bytes are written in base64, and this type does not read that
    with pytest.raises(RecordError, match="weight"):
        dsse.seal(Parcel(Origin("hq", "door-1"), 0, [], {}), KEY)


def _exists(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return UTC.fullmatch(text) is not None


def test_an_instant_is_a_day_of_the_calendar_and_a_time_of_day() -> None:
    years = (0, 1, 4, 100, 400, 1900, 1999, 2000, 2023, 2024, 2100, 9999)
    days = [f"{year:04}-{month:02}-{day:02}" for year in years
            for month in range(14) for day in range(33)]  # fmt: skip
    for text in (f"{day}T23:59:59.999Z" for day in days):
        assert is_instant(text) is _exists(text) is fits(text, Instant), text
    for hour in range(26):
        text = f"2024-02-29T{hour:02}:00:00.000Z"
        assert is_instant(text) is (hour < 24)
    for other in ("2024-02-29T12:60:00.000Z", "2024-02-29T12:00:60.000Z", "2024-02-29T12:00:00Z",
                  "2024-02-29T12:00:00.000Z\n", "2024-02-29T12:00:00.000+00:00", None, 5):  # fmt: skip
        assert not is_instant(other)
    day = datetime(1999, 12, 31)  # noqa: DTZ001 - days alone
    for _ in range(1_500):
        day += timedelta(days=1)
        assert is_instant(f"{day:%Y-%m-%d}T00:00:00.000Z")
