"""Who acts by hand at a terminal: what the signed records say of them is a number, never a name."""

import argparse


def add_operator(parser: argparse.ArgumentParser) -> None:
    """The option of every verb that puts an act by hand on record."""
    parser.add_argument(
        "--operator",
        type=_staff_number,
        metavar="ID",
        help=(
            "staff number of the operator, for the signed record; not a name (default: uid:N, the "
            "number of your login)"
        ),
    )


def operator(arguments: argparse.Namespace) -> str:
    """Who acts: what `--operator` said, else the login that this was started from."""
    from edge.adapters.linux.login_uid import uid
    from edge.domain.people.operator_id import of_uid

    given: str | None = arguments.operator
    return of_uid(uid()) if given is None else given


def _staff_number(word: str) -> str:
    """Refused before anything is done, and not repeated: it may be a name."""
    from edge.adapters.linux.login_uid import is_login_name
    from edge.domain.people.operator_id import is_staff_number

    if not is_staff_number(word) or is_login_name(word):
        raise argparse.ArgumentTypeError(
            "a staff number, not a name, since records travel: 1 to 32 of a-z 0-9 -, a digit among them, and no "
            "login of this machine"
        )
    return word
