"""docs/cli.md has every verb, as the parser takes it."""

import re
import shlex

import pytest

from edge.cli import build_parser
from tests.docs.cli_reference import PAGE, block, names, sections, shared, verbs, written

TEXT = PAGE.read_text()
PARSERS = dict(verbs(build_parser()))
SECTIONS = sections(TEXT)
CODES = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}


def test_the_page_has_a_section_for_each_verb_and_no_other() -> None:
    assert sorted(SECTIONS) == sorted(PARSERS)


@pytest.mark.parametrize("verb", sorted(PARSERS))
def test_a_section_shows_the_options_that_the_parser_takes(verb: str) -> None:
    said = block(PARSERS[verb], shared(PARSERS))
    assert said in SECTIONS[verb], "an option or its help has changed: `make docs` writes it into docs/cli.md"


@pytest.mark.parametrize("verb", sorted(PARSERS))
def test_the_examples_of_a_verb_are_command_lines_that_it_takes(verb: str) -> None:
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", SECTIONS[verb], re.MULTILINE | re.DOTALL)).splitlines()
    assert lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0].removeprefix("sudo "))
        assert words[: len(verb.split()) + 1] == ["smartclocker", *verb.split()]
        build_parser(words[1]).parse_args(words[1:])


@pytest.mark.parametrize("verb", sorted(PARSERS))
def test_a_section_ends_with_exit_codes_that_the_page_explains(verb: str) -> None:
    last = SECTIONS[verb].rpartition("\nExit codes: ")[2].split("\n\n")[0]
    named = {int(code) for code in re.findall(r"(?:^|; )(\d+)\b", last.replace("\n", " "))}
    assert named
    assert named <= CODES


@pytest.mark.parametrize("verb", sorted(PARSERS))
def test_each_argument_and_option_of_a_verb_has_its_help(verb: str) -> None:
    known = shared(PARSERS)
    actions = [a for a in PARSERS[verb]._actions if not known & {(option, a.help) for option in names(a)}]
    assert [a.dest for a in actions if not (a.help or "").strip()] == []


def test_options_that_many_verbs_share_are_explained_once() -> None:
    table = TEXT[TEXT.index("## Arguments and options that many verbs share") : TEXT.index("## Exit codes")]
    assert [option for option, _ in shared(PARSERS) if len(option) > 2 and f"`{option}" not in table] == []


def test_writing_the_page_again_changes_nothing() -> None:
    assert written(TEXT) == TEXT
