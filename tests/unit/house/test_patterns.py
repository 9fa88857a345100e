"""No pattern lets a line end slip through: `$` also matches before one that ends the text."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

EDGE = Path(__file__).resolve().parents[3] / "edge"
_DOLLAR = re.compile(r"(?<!\\)(?:\\\\)*\$")


def patterns(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text given as `pattern=`, or as the first word to a function of `re`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        given = [word.value for word in node.keywords if word.arg == "pattern"]
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "re":
            given += node.args[:1]
        for word in given:
            for part in ast.walk(word):
                if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
                    text = part.value if isinstance(part.value, str) else part.value.decode("latin-1")
                    yield node.lineno, text


def ends_with_a_dollar(text: str) -> bool:
    return _DOLLAR.search(re.sub(r"\[[^\]]*\]", "", text)) is not None


def test_no_pattern_in_the_program_ends_with_a_dollar() -> None:
    found = [
        f"{path.relative_to(EDGE.parent)}:{line}: {text}"
        for path in sorted(EDGE.rglob("*.py"))
        for line, text in patterns(ast.parse(path.read_text()))
        if ends_with_a_dollar(text)
    ]
    assert found == [], r"write \Z"


def test_a_pattern_that_ends_with_a_dollar_is_found() -> None:
    bad = ast.parse('A = re.compile(r"^[a-z]+$")\nB = Meta(pattern="^x$")\nC = re.compile(r"[$]a\\$")')
    assert [text for _, text in patterns(bad) if ends_with_a_dollar(text)] == ["^[a-z]+$", "^x$"]
