"""The company in small: every promise holds, and each of them can be seen not to hold."""

import base64
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.privacy import sabotage
from tests.privacy.findings import Findings, Promise
from tests.privacy.promises import PROMISES
from tests.privacy.scan import Scanner, content, forms, of_templates

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--people", 13, "--terminals", 4)
ENOUGH = {
    "keep-template": ("join", "sync", "plant", "leave"),
    "name-in-traffic": ("join", "sync", "search"),
    "match-withdrawn": ("join", "sync", "plant", "leave"),
    "score-in-record": ("join", "sync", "punch", "search"),
    "obey-anybody": ("join", "sync", "attack"),
    "name-in-log": ("join", "sync", "search"),
    "end-early": ("join", "sync", "plant", "leave"),
    "keep-stranger": ("join", "sync", "punch"),
    "keep-image": ("join", "sync", "punch", "picture", "outdate"),
    "forget-order": ("join", "sync", "plant", "leave", "restore"),
    "believe-backup": ("join", "sync", "plant", "leave", "restore"),
}
"""As much of the story as shows it."""
IN_EVERY_RUN = frozenset({"keep-template", "name-in-traffic", "obey-anybody", "keep-image"})
"""A file, a message, a command, a picture. `make privacy-sabotages` runs them all: each takes half a minute of a
processor.
"""
SABOTAGES = [
    pytest.param(word, marks=() if word in IN_EVERY_RUN else pytest.mark.campaign) for word in sabotage.WORDS
]


def privacy(root: Path, *words: object) -> tuple[int, dict, str]:
    """The exit code, the table by promise, and what was said."""
    file, where = root / "table.json", root / "works"
    command = [sys.executable, "-m", "tests.privacy", *SMALL, "--json", file, "--directory", where, *words]
    done = subprocess.run([*map(str, command)], cwd=ROOT, text=True, capture_output=True, check=False)
    said = done.stdout + done.stderr
    assert file.exists(), said
    return done.returncode, {row["promise"]: row for row in json.loads(file.read_text())["promises"]}, said


@pytest.mark.timeout(1800)
def test_every_promise_holds(tmp_path: Path) -> None:
    code, table, said = privacy(tmp_path)
    assert [name for name, row in table.items() if not row["holds"]] == [], said
    assert code == 0
    assert set(table) == {one.name for one in PROMISES}


@pytest.fixture(scope="module")
def broken(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, dict, str]]:
    """The run of each sabotage that was chosen. They mostly wait for each other's absence: four at a time."""
    chosen = {
        one.callspec.params["word"]
        for one in request.session.items
        if isinstance(one, pytest.Function) and one.originalname == "test_what_is_broken_is_seen_in_its_row"
    }

    def run(word: str) -> tuple[int, dict, str]:
        root = tmp_path_factory.mktemp(word)
        return privacy(root, "--sabotage", word, "--patience", 6, "--steps", *ENOUGH[word])

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(chosen, pool.map(run, chosen), strict=True))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("word", SABOTAGES)
def test_what_is_broken_is_seen_in_its_row(broken, word: str) -> None:
    code, table, said = broken[word]
    assert code == 1
    assert table[sabotage.ROWS[word]]["failed"], said
    assert "broke off" not in said


def test_what_every_run_breaks_are_words_of_the_sabotage() -> None:
    assert set(sabotage.WORDS) > IN_EVERY_RUN


def test_a_promise_of_which_nothing_was_seen_does_not_hold() -> None:
    promise = Promise("one", "text", "page")
    (row,) = Findings().rows((promise,))
    assert not row["holds"]
    findings = Findings(patience_s=0.0)
    findings.note("one", True, "good")
    assert findings.rows((promise,))[0]["holds"]
    findings.until("one", "never", lambda: False)
    assert findings.rows((promise,))[0]["failed"] == ["not within 0 s: never"]
    with pytest.raises(ValueError, match="no promise"):
        findings.rows(())


def test_no_form_holds_less_of_a_secret_than_chance_would_find() -> None:
    instant = b'{"at": 770018123, "on": 170018804}'
    for shift in range(3):
        assert Scanner({"number": b"77001880"}).find(base64.b64encode(b" " * shift + instant)) == []


def test_the_scanner_finds_every_form_wherever_it_stands(tmp_path: Path) -> None:
    secrets = {"name": b"Ada Planted", **of_templates(np.random.default_rng(1).standard_normal((1, 512)))}
    scanner = Scanner(secrets)
    filler = np.random.default_rng(2).bytes((1 << 22) - 7)
    for name, secret in secrets.items():
        for one in forms(secret):
            for before in (b"", filler):  # across the border of what is read at once, too
                (tmp_path / "file").write_bytes(before + one + filler[:100])
                assert name in scanner.find(content([tmp_path]))
    assert scanner.find(filler) == []
    for before, after in product((b"", b"1", b"12"), (b"", b"3", b"34")):
        once = base64.b64encode(before + b"770018804629" + after)
        for text in (once, base64.b64encode(once), base64.b64encode(b"-" + once)):
            assert Scanner({"number": b"770018804629"}).find(text) == ["number"]
    (tmp_path / "file").write_bytes(bytes(1 << 16))
    assert content([tmp_path]) == b""
