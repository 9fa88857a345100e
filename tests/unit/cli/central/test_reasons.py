"""Whoever acts at the centre says who they are and why, in words that somebody can read."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.central.store.records import Store
from edge.cli import build_parser, main
from edge.cli.central.directory import reason
from edge.domain.protocol import reasons

BLANK = ["", " ", "\t\n", "\u00a0\u2003", "\u200b", "\u2060\u00ad", "\u3164\uffa0", "\u115f\u1160", "\u2800"]
PERSON = "a" * 26


@pytest.mark.parametrize("text", BLANK)
def test_nothing_to_read_is_no_reason(text: str) -> None:
    with pytest.raises(ValueError, match="empty or blank, and the log keeps it permanently; write it in words"):
        reasons.reason(text)


@pytest.mark.parametrize("text", ["asked by letter", "art. 17 (3) (b)", "4711", "依頼", "?", "۱۲", "x"])
def test_whatever_can_be_read_is_one_without_the_blanks_around_it(text: str) -> None:
    assert reasons.reason(f" {text}\n") == text


def options(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from options(sub, f"{path} {name}".strip())
        else:
            yield path, action


def test_every_free_text_that_goes_into_the_log_is_held_to_it() -> None:
    free = {"--why", "--by", "--ground", "--to"}
    found = {
        (verb, word): action.type
        for verb, action in options(build_parser("central"))
        for word in free.intersection(action.option_strings)
        if action.choices is None and (verb, word) != ("central punches", "--to")
    }
    assert len(found) > 30
    assert [one for one, kind in found.items() if kind is not reason] == []


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing here changes it."""
    base = tmp_path_factory.mktemp("centre")
    assert main(["central", "init", str(base), "--host", "localhost", "--site", "main"]) == 0
    assert main(["central", "authority", "init", str(base), "--by", "Pat"]) == 0
    Store(base / "ledger.db").close()
    opening = ["central", "rights", "open", str(base), PERSON, "erasure", "--why", "letter", "--force"]
    assert main(opening) == 0
    return base


@pytest.mark.parametrize("text", BLANK)
@pytest.mark.parametrize(
    "words",
    [
        ["rights", "close", "DIR", "2", "--without-order", "--why", "x", "--ground"],
        ["rights", "refuse", "DIR", "2", "--why", "x", "--ground"],
        ["rights", "refuse", "DIR", "2", "--ground", "x", "--why"],
        ["rights", "refuse", "DIR", "2", "--ground", "x", "--why", "x", "--by"],
        ["audit", "DIR", "--enter", "note", "--why"],
        ["audit", "DIR", "--enter", "disclosure", "--person", PERSON, "--force", "--why", "x", "--to"],
    ],
    ids=" ".join,
)
def test_a_blank_one_is_refused_before_anything_is_done(
    centre: Path, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["central", *(str(centre) if word == "DIR" else word for word in words), text])
    assert ended.value.code == 2
    assert f"argument {words[-1]}: is empty or blank" in capsys.readouterr().err
    with OrderRegister(centre / authority_key.DB) as registry:
        assert len(registry.entries()) == 2
