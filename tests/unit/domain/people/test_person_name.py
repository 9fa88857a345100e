"""Names of people as they are kept."""

import pytest

from edge.domain.people.person_name import is_name, problem, tidy

PERSIAN = "علی\u200cرضا مهدوی"
HINDI = "क्\u200dषमा शर्मा"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada L.", "Ada L."),
        ("  Ada \u00a0 L. ", "Ada L."),
        ("山田\u3000太郎", "山田 太郎"),
        ("Jean\u202fValjean", "Jean Valjean"),
        (PERSIAN, PERSIAN),
        (HINDI, HINDI),
        ("Zoe\u0308", "Zoë"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("O'Brien-Smith, Jr.", "O'Brien-Smith, Jr."),
        ("--Name", "--Name"),
        ("李", "李"),
    ],
)
def test_real_names_are_kept_as_they_are_written(given: str, kept: str) -> None:
    assert tidy(given) == kept
    assert problem(kept) is None
    assert tidy(kept) == kept


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("", "is empty"),
        (" \u00a0\u3000", "is empty"),
        ("x" * 201, "has 201 characters, and 200"),
        ("two\nlines", "a line break (U+000A) as its character 4"),
        ("two\u2028lines", "a line break (U+2028)"),
        ("a\u202eb", "right-to-left override (U+202E)"),
        ("a\u200bb", "zero width space (U+200B)"),
        ("\ufeffAda", "(U+FEFF) as its character 1"),
        ("Ad\u200da", "zero width joiner (U+200D)"),
        ("\u200cعلی", "zero width non-joiner (U+200C)"),
        ("علی\u200c", "zero width non-joiner (U+200C)"),
        ("علی\u200c\u200cرضا", "zero width non-joiner (U+200C)"),
        ("a\x1b[2J", "a control character (U+001B)"),
        ("a\udcff", "a byte that is no UTF-8 (0xFF)"),
    ],
)
def test_what_is_refused_is_named_exactly(given: str, named: str) -> None:
    said = problem(tidy(given))
    assert said is not None
    assert named in said
    assert not is_name(given)
    assert given not in said or not given.strip(), "never the name itself"
