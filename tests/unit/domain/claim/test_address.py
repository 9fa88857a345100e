"""The address of a claim server as a person writes it."""

import pytest

from edge.domain.claim.address import PORT, read_address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("centre.example", ("centre.example", PORT)),
        ("Centre.Example:9000", ("centre.example", 9000)),
        ("192.0.2.1", ("192.0.2.1", PORT)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("2001:db8::1", ("2001:db8::1", PORT)),
        ("[2001:db8::1]", ("2001:db8::1", PORT)),
        ("[2001:DB8::1]:9000", ("2001:db8::1", 9000)),
    ],
)
def test_what_is_an_address(text: str, found: tuple[str, int]) -> None:
    assert read_address(text) == found


@pytest.mark.parametrize(
    "text",
    ["", ":", ":9000", "a:", "a:0", "a:65536", "a:b", "a b", "*", "[::1", "[::1]9000", "http://a", "a:1:2", "a/b"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        read_address(text)
