"""`smartclocker people restrict|unrestrict|rectify|access|policy`: a person's rights, at the terminal itself."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.cli import add_config
from edge.cli.output.next_step import say_export
from edge.cli.people.name_input import HELP, name_of
from edge.cli.people.operator_option import add_operator, operator


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of the five verbs."""
    restrict = _verb(
        verbs, "restrict", "keep a person without matching them; matching stops within a second", run_restrict
    )
    restrict.add_argument(
        "--objection", action="store_true",
        help=("the person objected: they use badge or PIN from now on, and only their own word "
 "lifts it"
),
    )  # fmt: skip
    lift = _verb(verbs, "unrestrict", "match a person again", run_unrestrict)
    lift.add_argument(
        "--by-person", action="store_true", help="the person objected, and says themselves that the objection ends"
    )
    rectify = _verb(verbs, "rectify", "correct the name of a person", run_rectify)
    rectify.add_argument("name", metavar="NAME", help=HELP)
    access = _verb(verbs, "access", "write everything that is held about a person: JSON and a page", run_access)
    access.epilog = "The files are not encrypted: give them to the person, and keep no copy. A record says so."
    access.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="a new folder for the files, for example on a stick"
    )

    policy = verbs.add_parser(
        "policy", help="print the privacy policy that is in force here, as people are to read it"
    )
    add_config(policy)
    policy.set_defaults(call=run_policy)


def run_restrict(arguments: argparse.Namespace) -> int:
    """Restricts a person, or records an objection."""
    from edge.domain.protocol.record_kinds import Restriction
    from edge.terminal.operator import actions

    restriction = Restriction.OBJECTED if arguments.objection else Restriction.RESTRICTED
    fresh = with_terminal(arguments, lambda **parts: actions.restrict(arguments.person, restriction, **parts))
    print(
        f"{restriction}: {arguments.person} is kept and not matched"
        + ("; the record says so" if fresh else " already")
    )
    return 0


def run_unrestrict(arguments: argparse.Namespace) -> int:
    """Lifts a restriction or an objection."""
    from edge.domain.protocol.order import Lifts
    from edge.terminal.operator import actions

    lifts = Lifts.OBJECTION if arguments.by_person else Lifts.RESTRICTION
    fresh = with_terminal(arguments, lambda **parts: actions.unrestrict(arguments.person, lifts, **parts))
    print(f"lifted: {arguments.person}; the record says so" if fresh else f"{arguments.person} was not restricted")
    return 0


def run_rectify(arguments: argparse.Namespace) -> int:
    """Corrects a person's name."""
    from edge.terminal.operator import actions

    name = name_of(arguments.name)
    with_terminal(arguments, lambda **parts: actions.rectify(arguments.person, name, **parts))
    print(f"rectified: {arguments.person}")
    say_export(arguments, arguments.person)
    return 0


def run_access(arguments: argparse.Namespace) -> int:
    """Writes everything that is held about a person."""
    from edge import config
    from edge.terminal import installed
    from edge.terminal.operator import hand_over

    origin = installed.origin(config.load(arguments.config).config)
    written = with_terminal(
        arguments, lambda **parts: hand_over.access(arguments.person, arguments.to, origin, **parts)
    )
    for path in written:
        print(f"wrote {path}")
    return 0


def run_policy(arguments: argparse.Namespace) -> int:
    """Prints the text of the policy; its version and hash go to standard error."""
    from edge import config
    from edge.terminal import installed

    loaded = config.load(arguments.config).config
    configured = installed.policy(loaded)
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        policy = people.accepted(configured)[0]
        text = people.policy_text(policy)
    print(f"policy {policy.version}, sha256 {policy.sha256}", file=sys.stderr)
    print(text if text is not None else installed.policy_text(loaded), end="")
    return 0


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    call: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    parser.add_argument("person", metavar="PERSON", help="the id that `people list` shows")
    add_config(parser)
    add_operator(parser)
    parser.set_defaults(call=call)
    return parser


def with_terminal(arguments: argparse.Namespace, act: Callable[..., Any]) -> Any:
    """Calls `act` with the terminal's people, journal and clock, and with the operator as `by`. The service may run
    meanwhile.
    """
    from edge import config
    from edge.terminal import adapters, installed

    loaded = config.load(arguments.config).config
    secrets = installed.load_secrets(loaded)
    with installed.open_people(loaded, secrets) as people, installed.open_journal(loaded, secrets) as journal:
        return act(people=people, journal=journal, clock=adapters.clock(), by=operator(arguments))
