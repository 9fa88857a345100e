"""The token as a person types it: what is forgiven, what is found, and what no message repeats."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.claim.token import LETTERS, ClaimToken, pin_of, read_token
from edge.errors import ClaimRefused

TOKEN = ClaimToken(bytes(range(13)), pin_of(b"a certificate"))


def test_it_is_twelve_groups_of_four_and_reads_back() -> None:
    text = TOKEN.written()
    groups = text.split("-")
    assert ([len(one) for one in groups], LETTERS) == ([4] * 12, 48)
    assert read_token(text) == TOKEN


@pytest.mark.parametrize("typed", ["{}", "  {}\n", "{}\r\n", "\t{} "], ids=["as it is", "blanks", "windows", "tab"])
@pytest.mark.parametrize("change", [str.upper, str.lower, lambda text: text.replace("-", " "),
                                    lambda text: text.replace("-", ""),
                                    lambda text: text.translate(str.maketrans("olb", "018"))])  # fmt: skip
def test_what_people_type_instead_is_the_same_token(typed: str, change) -> None:
    assert read_token(typed.format(change(TOKEN.written()))) == TOKEN


@given(st.integers(0, LETTERS - 1), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_wrong_letter_is_found(place: int, letter: str) -> None:
    text = TOKEN.written().replace("-", "")
    typed = text[:place] + letter + text[place + 1 :]
    if typed == text:
        return
    with pytest.raises(ClaimRefused, match="typing error") as found:
        read_token(typed)
    assert typed not in str(found.value)


def test_two_letters_the_wrong_way_round_are_found() -> None:
    text = TOKEN.written().replace("-", "")
    swapped = [text[:n] + text[n + 1] + text[n] + text[n + 2 :] for n in range(LETTERS - 1)]
    for typed in swapped:
        if typed != text:
            with pytest.raises(ClaimRefused):
                read_token(typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "no token was given"),
        (" - - \n", "no token was given"),
        (TOKEN.written()[:-1], "47 letters and digits, and needs 48"),
        (TOKEN.written() + "a", "49 letters"),
        (TOKEN.written()[:-1] + "9", "the character '9'"),
        (TOKEN.written()[:-1] + "é", r"the character '\\xe9'"),
        (TOKEN.written()[:-1] + "\u202e", r"the character '\\u202e'"),
        ("a" * 1_000_000, "400 letters"),
    ],
)
def test_what_is_no_token_is_told_without_repeating_it(typed: str, said: str) -> None:
    with pytest.raises(ClaimRefused, match=said) as found:
        read_token(typed)
    assert len(str(found.value)) < 200
    assert TOKEN.written()[5:20] not in str(found.value)


def test_the_secret_is_in_no_representation() -> None:
    assert "secret" not in repr(TOKEN)
    assert repr(TOKEN.secret) not in repr(TOKEN)
    assert TOKEN.secret.hex() not in TOKEN.digest


def test_the_pin_is_of_one_certificate() -> None:
    assert TOKEN.fits(b"a certificate")
    assert not TOKEN.fits(b"another certificate")
    assert not TOKEN.fits(b"")
    assert len(TOKEN.pin) * 8 >= 100
    assert len(TOKEN.secret) * 8 >= 100


def test_random_text_is_no_token() -> None:
    chance = random.Random(1)
    for _ in range(2_000):
        text = "".join(chance.choices(string.ascii_lowercase + "234567", k=LETTERS))
        with pytest.raises(ClaimRefused):
            read_token(text)
