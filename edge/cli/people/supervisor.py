"""`smartclocker people supervisor`: who may open an enrolment at the terminal, by badge and PIN."""

import argparse

from edge.cli import add_config
from edge.cli.output.next_step import at_terminal
from edge.cli.people.operator_option import add_operator
from edge.cli.people.rights import with_terminal


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `supervisor`."""
    parser = verbs.add_parser(
        "supervisor",
        help="say who may open an enrolment at this terminal's keypad, by badge and PIN",
        description="A supervisor enrols people at this terminal without a command line: 0 and Enter at the "
        "keypad, their badge, their PIN, then the badge of the person who is to be enrolled. It holds at this "
        "terminal alone. A supervisor needs a badge and a PIN.",
        epilog="example: smartclocker people supervisor PERSON on --staff-number 4711",
    )
    parser.add_argument("person", metavar="PERSON", help="the id that `people list` shows")
    parser.add_argument("state", choices=("on", "off"), help="whether they may")
    parser.add_argument(
        "--staff-number",
        metavar="N",
        help="with `on`: the number by which records name them, with a digit in it and no name (for example 4711)",
    )
    add_config(parser)
    add_operator(parser)
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Makes somebody a supervisor, or ends it."""
    from edge import config
    from edge.errors import PeopleError
    from edge.terminal.operator import actions

    person, on = arguments.person, arguments.state == "on"
    if on != (arguments.staff_number is not None):
        raise PeopleError(
            "`on` needs --staff-number, by which records name the supervisor" if on else "`off` takes no number"
        )
    fresh = with_terminal(arguments, lambda **parts: actions.appoint(person, arguments.staff_number, **parts))
    said = "may open enrolments at this terminal" if on else "may open no enrolment at this terminal"
    print(f"{person} {said}{'; the record says so' if fresh else ' already'}")
    if on:
        chosen = config.load(arguments.config).config
        if "none" in {chosen.reader.kind, chosen.buttons.kind} or chosen.recognition.mode == "badge":
            print(
                "note: an enrolment is opened at a terminal with camera, [buttons], and a [reader] with a keypad; "
                "until then consent is typed: `smartclocker enrol --here`"
            )
        print(f"undo: {at_terminal(arguments, 'people', 'supervisor', person, 'off')}")
    return 0
