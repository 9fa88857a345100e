"""The page of what is held about a person: all of it is there, and nothing of it becomes markup."""

from typing import Any

import pytest

from edge.domain.privacy.access_page import page
from tests.support.document import HOSTILE, Document

FIELDS = [
    "person", "site", "terminal", "made", "name", "restriction", "model", "count", "utc", "record", "bytes",
    "given_at", "policy_version", "language", "witness", "withdrawn_at", "time", "type", "direction", "id",
]  # fmt: skip


def answer(**words: Any) -> dict[str, Any]:
    """Of a terminal, each field under its own name but for those given."""
    said = {name: name for name in FIELDS} | words
    rows = {
        "templates": ("model", "count"),
        "images": ("utc", "record", "bytes"),
        "consents": ("given_at", "policy_version", "language", "witness", "withdrawn_at"),
    }
    data = {"direction": said["direction"]}
    record = {"time": said["time"], "type": f"a.{said['type']}", "id": said["id"], "data": data}
    return {
        **{name: said[name] for name in ("person", "site", "terminal", "made", "name", "restriction")},
        **{what: [{name: said[name] for name in names}] for what, names in rows.items()},
        "records": [record],
    }


def test_the_access_page_shows_every_field() -> None:
    shown = Document(page([answer()]))
    for word in FIELDS:
        assert any(word in said for said in shown.words), word
    assert "They are sealed: only your employer's key opens them" in "".join(shown.words)
    nothing = page([{**answer(name=None, restriction=None), "images": []}])
    assert "none: it was erased, or your consent was withdrawn" in nothing
    assert "No image of you is kept here." in nothing


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("field", FIELDS)
def test_no_word_of_an_access_page_becomes_markup(field: str, word: str, several: bool) -> None:
    others = [answer(terminal="gate-2")] if several else []
    plain, hostile = (Document(page([answer(**{field: said}), *others])) for said in (field, word))
    assert hostile.tags == plain.tags
    shown = word.split(".", maxsplit=1)[0] if field == "type" else word
    assert any(shown in said for said in hostile.words)


def test_several_answers_are_one_page() -> None:
    text = page([answer(terminal="gate-1"), answer(terminal="gate-2")])
    assert text.count("<!doctype html>") == text.count("</html>") == 1
    assert text.count("<h1>What this terminal holds about you</h1>") == 2
    assert "<p>From 2 terminals: site/gate-1, site/gate-2</p>" in text
