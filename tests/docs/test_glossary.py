"""One word for one thing: the glossary's terms are the house's, and no two public classes bear one name."""

import ast
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs/glossary.md"
TERMS = re.findall(r"^\| \*\*([^*]+)\*\* \|", GLOSSARY.read_text(), re.MULTILINE)


def words(text: str) -> str:
    """The words of a text, one space around each: `OrderOutcome`, `order_outcome` and order outcomes alike."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return " " + " ".join(re.findall(r"[a-z0-9]+", parted.lower())) + " "


def is_used(term: str, texts: Iterable[str]) -> bool:
    said = words(term).rstrip()
    return any(f"{said}{ending} " in text for text in texts for ending in ("", "s"))


def borne_twice(modules: Iterable[str]) -> list[str]:
    names = Counter(
        node.name
        for module in modules
        for node in ast.parse(module).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    return sorted(name for name, count in names.items() if count > 1)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page != GLOSSARY]
    return [words(path.read_text()) for path in [*pages, *(ROOT / "edge").rglob("*.py")]]


@pytest.mark.parametrize("term", TERMS)
def test_a_term_of_the_glossary_is_used_elsewhere(term: str, texts: list[str]) -> None:
    assert is_used(term, texts)


def test_the_glossary_explains_each_term_once() -> None:
    assert len(TERMS) >= 40
    assert [term for term, count in Counter(TERMS).items() if count > 1] == []


def test_an_unused_term_is_seen() -> None:
    text = words("class OrderOutcome: the head-turn challenges of site_key")
    assert all(is_used(term, [text]) for term in ("order outcome", "head-turn challenge", "site key"))
    assert not any(is_used(term, [text]) for term in ("outcome order", "ring", "key site", "ead-turn"))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_glossary_is_linked(page: str) -> None:
    assert "(docs/glossary.md)" in (ROOT / page).read_text()


def test_no_public_class_name_is_borne_twice() -> None:
    assert borne_twice(path.read_text() for path in (ROOT / "edge").rglob("*.py")) == []


def test_a_name_borne_twice_is_seen() -> None:
    modules = ["class Answer: ...\nclass _Row: ...", "class Answer: ...\nclass _Row: ...", "class Receipt: ..."]
    assert borne_twice(modules) == ["Answer"]
