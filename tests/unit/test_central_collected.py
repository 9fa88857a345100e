"""One person's answers from several terminals become one; what is not theirs is refused, and nothing is written."""

import json
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from edge.cli import main
from edge.terminal.answers import seal

ANN, BOB = "a" * 26, "b" * 26


def answer(person: str, terminal: str) -> dict:
    return {
        "smartclocker-access": 1, "person": person, "site": "main", "terminal": terminal, "name": "<Ann>",
        "made": "2026-03-02T08:00:00.000Z", "restriction": None, "templates": [], "images": [], "consents": [],
        "records": [],
    }  # fmt: skip


@pytest.fixture
def key(tmp_path: Path) -> Path:
    assert main(["central", "rights", "key", str(tmp_path / "ann.key")]) == 0
    return tmp_path / "ann.key"


def sealed(key: Path, person: str, terminal: str) -> str:
    from edge.journal.keys import load_secret

    public = bytes(PrivateKey(load_secret(key)).public_key)
    path = key.parent / f"{person[0]}-{terminal}.sealed"
    path.write_bytes(seal(answer(person, terminal), public))
    return str(path)


def read(key: Path, into: Path, *files: str) -> int:
    into.mkdir()
    return main(["central", "rights", "read", *files, "--key", str(key), "--into", str(into)])


def test_answers_of_several_terminals_become_one(key: Path, tmp_path: Path) -> None:
    files = [sealed(key, ANN, name) for name in ("gate-1", "gate-2")]
    assert read(key, tmp_path / "out", *files) == 0
    data = json.loads((tmp_path / "out/data.json").read_text())
    assert data["person"] == ANN
    assert data["answers"] == [answer(ANN, "gate-1"), answer(ANN, "gate-2")]
    page = (tmp_path / "out/page.html").read_text()
    assert page.count("<h1>") == 2
    assert page.count("&lt;Ann&gt;") == 2
    assert page.count("<!doctype") == page.count("</html>") == 1
    assert "main/gate-1, main/gate-2" in page


@pytest.mark.parametrize("case", ["another person", "twice", "altered", "missing"])
def test_what_does_not_belong_together_is_refused_and_nothing_written(key, tmp_path, capsys, case) -> None:
    first = sealed(key, ANN, "gate-1")
    if case == "another person":
        second, cure = sealed(key, BOB, "gate-2"), "name one person's"
    elif case == "twice":
        second, cure = first, "name the newer"
    elif case == "altered":
        second, cure = sealed(key, ANN, "gate-2"), "fetch it again"
        raw = bytearray(Path(second).read_bytes())
        raw[-1] ^= 1
        Path(second).write_bytes(raw)
    else:
        second, cure = str(tmp_path / "nothing.sealed"), "name the answer"
    assert read(key, tmp_path / "out", first, second) == 65
    assert cure in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
