"""`smartclocker people agree`: records a new consent of an enrolled person to the policy in force."""

import argparse

from edge.cli import add_config
from edge.cli.output.next_step import at_terminal, say_export
from edge.cli.people.consent_options import add_consent, attested, given, witness_of
from edge.cli.people.operator_option import add_operator
from edge.cli.people.rights import with_terminal


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `agree`."""
    agree = verbs.add_parser(
        "agree",
        help="an enrolled person agrees to the policy in force: they are matched again, under their id",
        description="After a policy changed: record the consent of somebody who is enrolled, and match them again "
        "by the templates that are here. No picture is taken. `people policy` prints what they agree to.",
        epilog="example: smartclocker people agree PERSON --witness 4711 --consent --age-13-or-older "
        "--employer-agreed. "
        "Then `people export` and `central roster add` bring it to the other terminals.",
    )
    agree.add_argument("person", metavar="PERSON", help="the id that `people list` shows")
    add_consent(agree)
    add_config(agree)
    add_operator(agree)
    agree.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Records the consent."""
    from edge import config
    from edge.terminal import adapters, installed
    from edge.terminal.operator import enrolment

    attested(arguments, "no consent, no matching")
    loaded = config.load(arguments.config).config
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        policy = people.accepted(installed.policy(loaded))[0]
    utc = adapters.clock().evidence().utc
    consent = given(arguments, policy, utc, witness_of(arguments))
    with_terminal(arguments, lambda **parts: enrolment.agree(arguments.person, consent, policy, **parts))
    print(f"{arguments.person} agreed to policy {policy.version}; the record says so")
    say_export(arguments, arguments.person)
    print(f"undo: {at_terminal(arguments, 'people', 'withdraw', arguments.person)}")
    return 0
