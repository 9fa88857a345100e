"""No module imports itself by way of others: each can be the first to be imported, by a test, a verb or a tool."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EDGE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "edge").rglob("*.py"))
}


def at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run while a module is imported; bodies of functions run later."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test):
            continue
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from at_import(getattr(statement, inner, []))


def imported(text: str, known: set[str]) -> set[str]:
    found: set[str] = set()
    for statement in at_import(ast.parse(text).body):
        if isinstance(statement, ast.Import):
            found |= {name.name for name in statement.names} & known
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            both = {f"{statement.module}.{name.name}" for name in statement.names}
            found |= (both & known) or ({statement.module} & known)
    return found


def test_no_circle_of_imports() -> None:
    known = set(EDGE)
    graph = {name: imported(path.read_text(encoding="utf-8"), known) - {name} for name, path in EDGE.items()}
    assert sum(map(len, graph.values())) > len(EDGE), "imports are seen at all"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_a_circle_is_seen() -> None:
    graph = {"a": imported("from b import c\n", {"a", "b"}), "b": imported("import a\n", {"a", "b"})}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()
    assert imported("def f():\n    import a\n", {"a"}) == set()


@pytest.mark.parametrize(
    "module", ["edge.central.ledger.service", "edge.central.attendance.punch_report", "edge.cli.central.verbs"]
)
def test_the_centre_loads_no_numpy_to_keep_and_report_records(module: str) -> None:
    script = f"import sys, {module}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("False", "")
