"""Badges and PINs: what is a number, what is a good PIN, what failures cost."""

import pytest

from edge.domain.people.credentials import Read, Token, number, pause_ms, pin_problem


@pytest.mark.parametrize(
    ("read", "known"),
    [
        ("0004711", "0004711"),
        (" 04:a2:1b:ff ", "04A21BFF"),
        ("04-A2-1B-FF", "04A21BFF"),
        ("0x04a21bff", "04A21BFF"),
        ("0xyz", "0XYZ"),
        ("12", None),
        ("", None),
        ("x" * 41, None),
        ("4711; DROP", None),
        ("４７１１", None),
        ("47\x0011", None),
    ],
)
def test_a_number_is_the_same_whichever_reader_read_it(read: str, known: str | None) -> None:
    assert number(read) == known


@pytest.mark.parametrize(
    "pin", ["12345", "1234567890123", "000000", "123456", "987654", "90123456", "12345a", "１２３４５６"]
)
def test_what_everybody_tries_first_is_no_pin(pin: str) -> None:
    assert pin_problem(pin) is not None


@pytest.mark.parametrize("pin", ["271828", "100000", "135790"])
def test_other_pins_are(pin: str) -> None:
    assert pin_problem(pin) is None


def test_failures_cost_more_and_more_time_up_to_an_hour() -> None:
    assert [pause_ms(n) for n in (0, 4, 5, 6, 7)] == [0, 0, 30_000, 60_000, 120_000]
    assert pause_ms(13) == pause_ms(10**9) == 3_600_000


def test_what_was_read_is_not_printed() -> None:
    assert "4711" not in repr(Read(Token.BADGE, "4711"))
