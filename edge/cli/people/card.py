"""`smartclocker people card`: shows the next card at the reader, or gives it to a person."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from edge.cli import add_config
from edge.cli.people.operator_option import add_operator, operator

if TYPE_CHECKING:
    from edge.config_schema import Config

WAIT_S = 30.0
"""Seconds in which a card must be held to the reader."""


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `card`."""
    card = verbs.add_parser(
        "card",
        help="read the next card at the reader: show its number and whose it is, or give it to a person",
        description="Show what the reader sends for a card. Only that counts, whatever is printed on the card. "
        "While the service runs, its reader is asked, and this card is no punch; otherwise the reader is used "
        "directly.",
    )
    card.add_argument(
        "--next",
        dest="person",
        metavar="PERSON",
        help="give the card to this person, whose id `people list` shows; the same as `people badge PERSON --next`",
    )
    card.add_argument(
        "--other-card",
        action="store_true",
        help="with --next: this is another card, although its number could be a known one in another notation",
    )
    add_config(card)
    add_operator(card)
    card.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Reads a card and shows it, or gives it to a person."""
    if arguments.person is not None:
        return give_next(arguments, arguments.person)
    from edge import config

    loaded = config.load(arguments.config).config
    said = _served(loaded, {"by": operator(arguments)}) or _read(loaded)
    if said["number"] is None:
        print(f"read {said['text']!r}")
        print("that is no badge: 3 to 40 letters and digits; set the reader to send the card's number alone")
        return 65
    print(f"number {said['number']}")
    print("nobody's here" if said["owner"] is None else f"the badge of {said['owner']}")
    if said["otherwise"] is not None:
        other = said["otherwise"]
        print(f"in another notation it is a badge of {other}, whom the terminal does not find by this number")
    return 0


def give_next(arguments: argparse.Namespace, person: str) -> int:
    """Gives the next card at the reader to a person."""
    from edge import config
    from edge.cli.output.next_step import say_export
    from edge.cli.people.rights import with_terminal
    from edge.domain.people.credentials import Token
    from edge.terminal.operator import actions

    loaded = config.load(arguments.config).config
    request = {"by": operator(arguments), "person": person, "other_card": arguments.other_card}
    said = _served(loaded, request)
    if said is None:
        text = next_card(loaded)
        print(f"read {text}")
        said = {
            "fresh": with_terminal(
                arguments,
                lambda **parts: actions.give_token(
                    person, Token.BADGE, text, other_card=arguments.other_card, **parts
                ),
            )
        }
    print(f"{person} has this badge{'; the record says so' if said['fresh'] else ' already'}")
    if said["fresh"]:
        say_export(arguments, person)
    return 0


def next_card(config: "Config") -> str:
    """What the configured reader reads next, where no service holds it. Raises ReaderError."""
    from time import monotonic

    from edge.domain.people.credentials import Token
    from edge.errors import ReaderError
    from edge.terminal import adapters

    reader = adapters.reader(config)
    if reader is None:
        raise ReaderError('there is no reader: set reader.kind to "evdev" or "script", and name its device')
    try:
        reader.open()
        if reader.away:
            raise ReaderError("the reader cannot be used; is it plugged in, and may this user read it?")
        _prompt()
        deadline = monotonic() + WAIT_S
        while (left := deadline - monotonic()) > 0:
            read = reader.read(left)
            if read is not None and read.source is Token.BADGE:
                return read.text
    finally:
        reader.close()
    raise ReaderError(f"no card came within {WAIT_S:.0f} s; nothing was changed, try again")


def _served(config: "Config", request: dict[str, Any]) -> dict[str, Any] | None:
    """The answer of the running service; None when none runs. Raises ControlRefused."""
    from edge.adapters.linux.control_client import ask, is_served
    from edge.terminal import installed

    path = installed.control_path(config)
    if not is_served(path):
        return None
    _prompt()
    return ask(path, {"do": "card-next", **request}, _tell, within_s=WAIT_S + 10)


def _read(config: "Config") -> dict[str, Any]:
    from edge.domain.people.credentials import Token, number
    from edge.terminal import installed

    text = next_card(config)
    known = number(text)
    if known is None:
        return {"number": None, "text": text}
    with installed.open_people(config, installed.load_secrets(config)) as people:
        owner, other = people.credentials.whose(Token.BADGE, known), people.credentials.noted_otherwise(known)
    return {"number": known, "owner": owner, "otherwise": other}


def _tell(said: dict[str, Any]) -> None:
    if "text" in said:  # what came of an interrupted action
        print(said["text"], file=sys.stderr, flush=True)


def _prompt() -> None:
    print(f"hold the card to the reader, within {WAIT_S:.0f} s", file=sys.stderr, flush=True)
