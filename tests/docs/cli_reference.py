"""The parts of docs/cli.md that the command-line parser writes: `make docs` puts them in, a test compares them.

Below each heading `### VERB` stands one block between BEGIN and END: how the verb is called, and a table of its
arguments and options with their help. All other text of the page is written by hand.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from edge.cli import build_parser

PAGE = Path(__file__).resolve().parents[2] / "docs/cli.md"
BEGIN, END = "<!-- written by `make docs` -->", "<!-- end -->"
OFTEN = 5
"""An option that so many verbs have with the same help is explained once, at the top of the page."""
_WIDTH = 100
_BLOCK = re.compile(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}\n", re.DOTALL)
_SECTION = re.compile(r"^### (?P<verb>[^\n]+)\n(?P<text>.*?)(?=^###? |\Z)", re.DOTALL | re.MULTILINE)


def verbs(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each verb that can be called, with its parser: `central init`, not `central`."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for name, below in ((name, sub) for group in groups for name, sub in group.choices.items()):
        yield from verbs(below, f"{path} {name}".strip())
    if not groups:
        yield path, parser


def sections(page: str) -> dict[str, str]:
    """The text below each heading of the third level, by heading."""
    return {found["verb"]: found["text"] for found in _SECTION.finditer(page)}


def shared(parsers: Mapping[str, argparse.ArgumentParser]) -> frozenset[tuple[str, str | None]]:
    """The options, each with its help, that are explained once for all verbs."""
    # `--help` is one of them, too.
    counts = Counter((option, a.help) for p in parsers.values() for a in p._actions for option in names(a))
    return frozenset(found for found, often in counts.items() if often >= OFTEN)


def names(action: argparse.Action) -> list[str]:
    """`--json`, or `PERSON` for an argument."""
    return list(action.option_strings) or [_value(action)]


def block(parser: argparse.ArgumentParser, known: frozenset[tuple[str, str | None]]) -> str:
    """What the parser says of one verb, between BEGIN and END; without the options in `known`."""
    rows = [_row(a) for a in parser._actions if not known & {(option, a.help) for option in names(a)}]
    table = ["| argument or option | meaning |", "|---|---|", *rows] if rows else []
    return "\n".join([BEGIN, "```", _usage(parser), "```", *(["", *table, ""] if table else []), END, ""])


def written(page: str) -> str:
    """The page with every block as the parser says it today."""
    parsers = dict(verbs(build_parser()))
    known = shared(parsers)

    def renewed(section: "re.Match[str]") -> str:
        verb = section["verb"]
        if verb not in parsers:
            return section[0]
        return _BLOCK.sub(lambda _: block(parsers[verb], known), section[0])

    return _SECTION.sub(renewed, page)


def _usage(parser: argparse.ArgumentParser) -> str:
    """How the verb is called; argparse breaks its lines by the width of a terminal, so they are made here."""
    words = [parser.prog]
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        word = " ".join(filter(None, [action.option_strings[-1] if action.option_strings else "", _value(action)]))
        words.append(word if action.required and action.nargs != "*" else f"[{word}]")
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip() if lines[-1].strip() else lines[-1] + word
        if len(longer) > _WIDTH:
            lines.append("    " + word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
    return "\n".join(lines)


def _value(action: argparse.Action) -> str:
    """The word that stands for a value; empty for an option that takes none."""
    if action.nargs == 0:
        return ""
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper().replace("_", "-")
    return f"{name} …" if action.nargs in {"+", "*"} else name


def _row(action: argparse.Action) -> str:
    name = " ".join(filter(None, [", ".join(action.option_strings), _value(action)]))
    choices = ", ".join(f"`{choice}`" for choice in action.choices or ())
    meaning = ". ".join(filter(None, [action.help, f"One of {choices}" if choices else ""]))
    return f"| `{name}` | {meaning.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
