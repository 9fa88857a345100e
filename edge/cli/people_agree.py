"""`smartclocker people agree`: a new consent of somebody who is enrolled, to the policy that is in force now."""

import argparse

from edge.cli import add_config
from edge.cli.acting import add_operator
from edge.cli.people_rights import with_terminal


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Arguments."""
    agree = verbs.add_parser(
        "agree",
        help="an enrolled person agrees to the policy in force: they are matched again, under their id",
        description="After a policy changed: record the consent of somebody who is enrolled, and match them again "
        "by the templates that are here. No picture is taken. `people policy` prints what they agree to.",
        epilog="example: smartclocker people agree PERSON --witness 'J. Smith' --consent --age-13-or-older. "
        "Then `people export` and `central roster add` bring it to the other terminals.",
    )
    agree.add_argument("person", metavar="PERSON", help="the id that `people list` shows")
    agree.add_argument("--witness", required=True, metavar="WHO", help="who saw the consent given")
    agree.add_argument("--language", default="en", metavar="TAG", help="of the policy that was read (default: en)")
    agree.add_argument("--consent", action="store_true", help="the person has read the policy and agrees to it")
    agree.add_argument("--age-13-or-older", action="store_true", help="the person attests it")
    add_config(agree)
    add_operator(agree)
    agree.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Record it."""
    from edge import config
    from edge.domain.consent import Consent
    from edge.errors import PeopleError
    from edge.terminal import by_hand, parts

    if not arguments.consent or not arguments.age_13_or_older:
        raise PeopleError(
            "no consent, no matching: have the person read `people policy`; give --consent and --age-13-or-older"
        )
    loaded = config.load(arguments.config).config
    with parts.open_people(loaded, parts.load_secrets(loaded)) as people:
        policy = people.accepted(parts.policy(loaded))[0]
    utc = parts.clock().evidence().utc
    given = Consent(policy.version, policy.sha256, arguments.language, utc, arguments.witness, True, True)
    with_terminal(arguments, lambda **parts: by_hand.agree(arguments.person, given, policy, **parts))
    print(f"{arguments.person} agreed to policy {policy.version}; the record says so")
    print(f"undo: smartclocker people withdraw {arguments.person}")
    return 0
