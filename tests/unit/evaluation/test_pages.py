"""The pages of both evaluations: no name becomes markup, and the same figures are the same bytes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hatchling.builders.wheel import WheelBuilder
from markupsafe import Markup

from edge.cli import main
from edge.cli.output.report_file import require_page_libraries
from edge.errors import ExtraMissing
from edge.evaluation import html
from edge.evaluation.drawing import Drawing, distributions, error_rates
from tests.support.document import HOSTILE, Document

RATES = np.linspace(0, 1, 9)
WORDS = [word for word in HOSTILE if word.isprintable()]
"""No font has a sign for the others, and no name of a curve has them."""


def values(word: str) -> dict[str, dict[str, Any]]:
    """What each template is given, with this word in every place of it."""
    rows, drawn = [(word, word, word), (word,)], Drawing(word, Markup("<svg></svg>"))
    tables = "fnir thresholds shipped verification pictures worst alike mistaken two_names groups"
    return {
        "recognition.html": {
            **dict.fromkeys(tables.split(), rows),
            "method": [word, word],
            "fpirs": [word, word],
            "standard_fpir": word,
            "det": [drawn, Drawing(word)],
            "scores": drawn,
        },
        "pad.html": {
            **dict.fromkeys(("rates", "recordings", "tuned", "impostors", "layers", "errors", "rejects"), rows),
            "method": [word, word],
            "det": drawn,
        },
    }


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("template", ["recognition.html", "pad.html"])
def test_no_word_of_an_evaluation_page_becomes_markup(template: str, word: str) -> None:
    plain, hostile = (Document(html.render(template, **values(said)[template])) for said in ("plain", word))
    assert [name for name, _ in hostile.tags] == [name for name, _ in plain.tags]
    assert [said.count("plain") for said in plain.words] == [said.count(word) for said in hostile.words]
    labels = [value for _, attributes in hostile.tags for name, value in attributes if name == "aria-label"]
    assert set(labels) == {word}


def test_the_wheel_has_every_template() -> None:
    root = Path(__file__).resolve().parents[3]
    shipped = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    templates = [str(file.relative_to(root)) for file in root.glob("edge/**/templates/*")]
    assert len(templates) == 4
    assert set(templates) <= shipped


def test_a_template_that_is_not_given_everything_fails() -> None:
    given = values("word")["pad.html"]
    del given["rates"]
    with pytest.raises(Exception, match="'rates' is undefined"):
        html.render("pad.html", **given)


@pytest.mark.parametrize("word", WORDS)
def test_no_word_of_a_drawing_becomes_markup(word: str) -> None:
    plain, hostile = (error_rates(said, said, {said: (RATES, RATES)}) for said in ("plain", word))
    shown = Document(str(hostile.svg))
    assert {name for name, _ in shown.tags} == {name for name, _ in Document(str(plain.svg)).tags}
    assert [said for said in shown.words if said == word] == [word] * 3


def drawings() -> Iterator[str]:
    yield str(error_rates("FPIR", "FNIR", {"one": (RATES, 1 - RATES), "two": (RATES, RATES)}, (0.01, 0.0)).svg)
    yield str(distributions("cosine", "share", {"same": (2 * RATES - 1, RATES)}).svg)


AGAIN = "import sys; from tests.unit.evaluation.test_pages import drawings; sys.stdout.write(''.join(drawings()))"


def test_the_same_figures_are_the_same_bytes_whatever_the_user_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nsvg.fonttype: path\nlines.linewidth: 9\n")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "matplotlibrc"))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("MPLBACKEND", "TkAgg")
    done = subprocess.run([sys.executable, "-c", AGAIN], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(drawings())


def test_rates_that_never_were_are_drawn_where_the_axes_begin() -> None:
    none = str(error_rates("FPIR", "FNIR", {"": (np.zeros(2), np.array([0.0, 1.0]))}, (0.0, 0.0)).svg)
    least = str(error_rates("FPIR", "FNIR", {"": (np.full(2, 1e-4), np.array([1e-4, 1.0]))}, (1e-4, 1e-4)).svg)
    assert none == least


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
@pytest.mark.parametrize("verb", ["evaluate", "evaluate-pad"])
def test_a_library_that_is_not_installed_is_named_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str, verb: str
) -> None:
    require_page_libraries()
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExtraMissing):
        require_page_libraries()
    assert main([verb, "/nowhere", "--html", "page.html"]) == 69
    said = capsys.readouterr().err
    assert f"--html needs {missing}" in said
    assert "pip install 'smartclocker-edge[evaluate]'" in said


def test_without_a_page_no_library_of_it_is_loaded() -> None:
    program = (
        "import sys; from edge.cli import main\n"
        "assert main(['evaluate', '/nowhere']) == 65\n"
        "assert main(['evaluate-pad', '/nowhere']) == 65\n"
        "print(sorted({'jinja2', 'matplotlib', 'markupsafe'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout == "[]\n", done.stderr
