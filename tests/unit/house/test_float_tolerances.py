"""Float comparisons in tests give what single precision can keep on any processor.

Each processor's kernel sums a product of float32 vectors in another order, so that its last digits differ from
machine to machine. Where arrays are compared, the tolerance is written down, and float32 can keep it.
"""

import ast
from pathlib import Path

import pytest

from tests.support.tolerance import SINGLE

TESTS = Path(__file__).resolve().parents[2]


def _comparisons(text: str) -> list[ast.Call]:
    """The calls of `approx` and `allclose` in a module that works with numpy, by where they stand."""
    tree = ast.parse(text)
    numeric = any(
        isinstance(node, ast.Import) and any(name.name == "numpy" for name in node.names) for node in ast.walk(tree)
    )
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [
        call
        for call in calls
        if numeric and isinstance(call.func, ast.Attribute) and call.func.attr in {"approx", "allclose"}
    ]


def _too_tight(call: ast.Call) -> bool:
    given = {word.arg: word.value for word in call.keywords if word.arg in {"abs", "rel", "atol", "rtol"}}
    numbers = [value.value for value in given.values() if isinstance(value, ast.Constant)]
    return not given or any(isinstance(number, float) and number < SINGLE for number in numbers)


def test_every_comparison_of_arrays_says_a_tolerance_that_float32_keeps() -> None:
    tight = [
        f"{path.relative_to(TESTS)}:{call.lineno}"
        for path in sorted(TESTS.rglob("*.py"))
        for call in _comparisons(path.read_text(encoding="utf-8"))
        if _too_tight(call)
    ]
    assert tight == [], "write abs=SINGLE (tests/support/tolerance.py), or what the values themselves allow"


@pytest.mark.parametrize(
    ("line", "tight"),
    [
        ("pytest.approx(1.0)", True),
        ("pytest.approx(1.0, abs=1e-6)", True),
        ("np.allclose(a, b)", True),
        ("pytest.approx(1.0, abs=SINGLE)", False),
        ("pytest.approx(1.0, rel=0.1)", False),
    ],
)
def test_the_rule_sees_what_is_too_tight(line: str, tight: bool) -> None:
    (call,) = _comparisons(f"import numpy as np\n{line}\n")
    assert _too_tight(call) is tight
    assert _comparisons(line) == [], "without numpy, Python's own floats are the same everywhere"
