"""`smartclocker people card`: shows the next card at the reader, as the terminal reads it."""

import argparse
import sys
from typing import TYPE_CHECKING

from edge.cli import add_config

if TYPE_CHECKING:
    from edge.config_schema import Config

WAIT_S = 30.0
"""Seconds in which a card must be held to the reader."""


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `card`."""
    card = verbs.add_parser(
        "card",
        help="read the next card at the reader: show its number, and whose it is",
        description="Show what the reader sends for a card. Only that counts, whatever is printed on the card. A "
        "USB reader can be used by one program only: stop the service first.",
    )
    add_config(card)
    card.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Reads a card and shows it."""
    from edge import config
    from edge.domain.people.credentials import Token, number
    from edge.terminal import installed

    loaded = config.load(arguments.config).config
    text = next_card(loaded)
    known = number(text)
    print(f"read {text!r}" if known is None else f"number {known}")
    if known is None:
        print("that is no badge: 3 to 40 letters and digits; set the reader to send the card's number alone")
        return 65
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        owner, other = people.credentials.whose(Token.BADGE, known), people.credentials.noted_otherwise(known)
    print("nobody's here" if owner is None else f"the badge of {owner}")
    if other is not None:
        print(f"in another notation it is a badge of {other}, whom the terminal does not find by this number")
    return 0


def next_card(config: "Config") -> str:
    """The number that the configured reader reads next. Raises ReaderError."""
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
            raise ReaderError(
                "the reader cannot be used; is it plugged in? The service holds it: systemctl stop smartclocker"
            )
        print(f"hold the card to the reader, within {WAIT_S:.0f} s", file=sys.stderr)
        deadline = monotonic() + WAIT_S
        while (left := deadline - monotonic()) > 0:
            read = reader.read(left)
            if read is not None and read.source is Token.BADGE:
                return read.text
    finally:
        reader.close()
    raise ReaderError(f"no card came within {WAIT_S:.0f} s; nothing was changed, try again")
