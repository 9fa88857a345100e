"""The options of a consent: the witness, the attested age and the employer's agreement. Each must be given
explicitly.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from edge.cli.people.name_input import FROM_INPUT, name_of

if TYPE_CHECKING:
    from edge.domain.people.consent import Consent, Policy


def add_consent(parser: argparse.ArgumentParser) -> None:
    """Adds the options of every verb that records a consent."""
    option = parser.add_argument
    option(
        "--witness",
        required=True,
        metavar="WHO",
        help=f"the person who saw the consent given: a staff number or a name "
        f"(`{FROM_INPUT}`: the verb asks, or reads the next line of standard input)",
    )
    option(
        "--language", default="en", metavar="TAG", help="language of the policy that the person read (default: en)"
    )
    option("--consent", action="store_true", help="the person has read the policy and agrees to it")
    option("--age-13-or-older", action="store_true", help="the person says that they are 13 or older")
    option(
        "--employer-agreed",
        action="store_true",
        help=(
            "the employer has agreed to this use, which the policy asks for beside the consent; "
            "without this option the verb asks"
        ),
    )


def attested(arguments: argparse.Namespace, otherwise: str) -> None:
    """Checks that every answer was given; none is assumed. Raises PeopleError, whose text begins with
    `otherwise`.
    """
    from edge.domain.people.consent import MINIMUM_AGE
    from edge.errors import PeopleError

    wrong = []
    if not arguments.consent:
        wrong.append("have the person read the policy (`people policy`), then give --consent")
    if not arguments.age_13_or_older:
        wrong.append(f"see that they are {MINIMUM_AGE} or older, then give --age-13-or-older")
    if not wrong and not arguments.employer_agreed and sys.stdin.isatty():
        answer = input("has the employer agreed to the use of this person's face? [yes/no] ")
        arguments.employer_agreed = answer.strip().lower() == "yes"
    if not arguments.employer_agreed:
        wrong.append("obtain the employer's agreement, which the policy asks for, then give --employer-agreed")
    if wrong:
        raise PeopleError(f"{otherwise}: {'; '.join(wrong)}")


def witness_of(arguments: argparse.Namespace) -> str:
    """The witness of the consent. Raises PeopleError."""
    return name_of(arguments.witness, "witness: ") if arguments.witness == FROM_INPUT else arguments.witness


def given(arguments: argparse.Namespace, policy: "Policy", utc: str, witness: str) -> "Consent":
    """The consent to `policy`, from the answers that were given."""
    from edge.domain.people.consent import Consent

    return Consent(
        policy_version=policy.version,
        policy_sha256=policy.sha256,
        language=arguments.language,
        given_at=utc,
        witness=witness,
        age_attested=arguments.age_13_or_older,
        employer_agreed=arguments.employer_agreed,
    )
