"""`smartclocker people add|badge|number|pin`: credentials other than a face.

Numbers and PINs are read from standard input and never from the command line, where every process could see them.
"""

import argparse
import getpass
import sys
from typing import TYPE_CHECKING

from edge.cli import add_config
from edge.cli.output.next_step import at_terminal, say_export
from edge.cli.people.card import give_next
from edge.cli.people.name_input import HELP, name_of
from edge.cli.people.operator_option import add_operator
from edge.cli.people.rights import with_terminal

if TYPE_CHECKING:
    from edge.domain.people.credentials import Token


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of the four verbs."""
    add = verbs.add_parser(
        "add",
        help="add a person without a face, who clocks in by badge, or by staff number and PIN",
        description="Add a person who refuses the use of their face, or whose face cannot be matched. Nothing "
        "biometric is kept, so no consent is needed. Then give them a badge, or a staff number and a PIN.",
    )
    add.add_argument("name", metavar="NAME", help=HELP)
    add.add_argument(
        "--age-13-or-older",
        action="store_true",
        help="the person is at least 13 years old; younger ones are not added",
    )
    add_config(add)
    add_operator(add)
    add.set_defaults(call=run_add)
    badge = _verb(verbs, "badge", "give a person a badge (hold it to a reader, or type its number), or take theirs")
    badge.add_argument(
        "--take", action="store_true", help="take all badges of the person, for example because one was lost"
    )
    badge.add_argument("--next", action="store_true", help="give the next card at this terminal's reader")
    badge.add_argument(
        "--other-card",
        action="store_true",
        help=("this is another card, although its number could be a known one in another notation"),
    )
    badge.set_defaults(call=run_badge)
    number = _verb(verbs, "number", "give a person a staff number, to be typed before their PIN, or take theirs")
    number.add_argument("--take", action="store_true", help="take the staff number of the person")
    number.set_defaults(call=run_number)
    pin = _verb(verbs, "pin", "choose a person's PIN, or take it")
    pin.add_argument(
        "--take", action="store_true", help="take the PIN of the person; their staff number then opens nothing"
    )
    pin.add_argument("--generate", action="store_true", help="make a random PIN, and print it once")
    pin.set_defaults(call=run_pin)


def run_add(arguments: argparse.Namespace) -> int:
    """Adds a person without a face."""
    from edge.terminal.operator import actions

    attested, name = arguments.age_13_or_older, name_of(arguments.name)
    person = with_terminal(arguments, lambda **parts: actions.add(name, age_attested=attested, **parts))
    print(f"added {person}: no face, no consent needed")
    print(f"next: {at_terminal(arguments, 'people', 'badge', person)}")
    say_export(arguments, person)
    print(f"undo: {at_terminal(arguments, 'people', 'erase', person, '--reason', 'employer')}")
    return 0


def run_badge(arguments: argparse.Namespace) -> int:
    """Gives or takes a badge."""
    from edge.domain.people.credentials import Token

    return _token(arguments, Token.BADGE, "badge (not shown): ")


def run_number(arguments: argparse.Namespace) -> int:
    """Gives or takes a staff number."""
    from edge.domain.people.credentials import Token

    return _token(arguments, Token.NUMBER, "staff number (not shown): ")


def run_pin(arguments: argparse.Namespace) -> int:
    """Sets, generates or takes a PIN."""
    import secrets

    from edge.domain.people.credentials import pin_problem
    from edge.errors import PeopleError
    from edge.terminal.operator import actions

    pin: str | None = None
    if arguments.generate:
        while pin is None or pin_problem(pin) is not None:
            pin = f"{secrets.randbelow(1_000_000):06d}"
    elif not arguments.take:
        pin = _secret("PIN (not shown): ")
        if sys.stdin.isatty() and _secret("the same again: ") != pin:
            raise PeopleError("the two differ; nothing was changed, try again")
    with_terminal(arguments, lambda **parts: actions.choose_pin(arguments.person, pin, **parts))
    print(f"{'taken from' if pin is None else 'chosen for'} {arguments.person}; the record says so")
    if arguments.generate:
        print(f"PIN: {pin}   (hand it over; it is not shown again)")
    say_export(arguments, arguments.person)
    return 0


def _token(arguments: argparse.Namespace, kind: "Token", prompt: str) -> int:
    from edge.terminal.operator import actions

    if arguments.take:
        count = with_terminal(arguments, lambda **parts: actions.take_tokens(arguments.person, kind, **parts))
        print(f"taken from {arguments.person}: {count}")
        if count:
            say_export(arguments, arguments.person)
        return 0
    if getattr(arguments, "next", False):
        return give_next(arguments, arguments.person)
    text = _secret(prompt)
    other = getattr(arguments, "other_card", False)
    fresh = with_terminal(
        arguments, lambda **parts: actions.give_token(arguments.person, kind, text, other_card=other, **parts)
    )
    print(f"{arguments.person} has this {kind}{'; the record says so' if fresh else ' already'}")
    if fresh:
        say_export(arguments, arguments.person)
    return 0


def _secret(prompt: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.readline().strip()


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ". The verb asks for it without showing it, or reads "
        "it from standard input.",
    )
    parser.add_argument("person", metavar="PERSON", help="the id that `people list` shows")
    add_config(parser)
    add_operator(parser)
    return parser
