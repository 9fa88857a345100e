"""The same card in other notations."""

import pytest

from edge.domain.people.card_numbers import notations
from edge.domain.people.credentials import Token, number, number_problem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0004711993", "4711993"),
        ("0004711993", "04711993"),
        ("0004711993", "47E639"),  # hex
        ("0004711993", "0047E639"),
        ("0004711993", "39E647"),  # hex, bytes in reverse
        ("0008106606", "12345678"),  # facility 123, card 45678
        ("0004711", "4711"),
        ("0815", "815"),
        ("00000123456789", "123456789"),
        ("04A21BFF", "FF1BA204"),
        ("04A21BFF", "77732863"),
        ("04A21BFF", "0077732863"),
        ("04A21BFF", "4280001028"),
        ("04A21B3FF25C80", "805CF23F1BA204"),
    ],
)
def test_two_notations_of_a_card_name_each_other(one: str, other: str) -> None:
    assert other in notations(one)
    assert one in notations(other)


@pytest.mark.parametrize("known", ["0004711993", "101", "04A21BFF", "A" * 40, "9" * 40, "EMPLOYEE7", "00000000"])
def test_a_number_is_no_other_notation_of_itself_and_few_are(known: str) -> None:
    assert known not in notations(known)
    assert len(notations(known)) < 80
    assert all(number(one) == one for one in notations(known))


def test_numbers_in_a_row_are_cards_of_their_own() -> None:
    for first in (1_000, 4_711_000, 10_000_001, 3_400_000_000):
        row = {f"{first + n:010d}" for n in range(500)}
        assert not any(notations(one) & row for one in row)


@pytest.mark.parametrize(("text", "cure"), [("123,45678", "facility"), ("!", "people card")])
def test_what_is_no_number_says_which_part_to_give(text: str, cure: str) -> None:
    assert number(text) is None
    said = number_problem(Token.BADGE, text)
    assert cure in said
    assert "45678" not in said
