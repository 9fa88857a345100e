"""The operator who acts by hand at a terminal. The signed records name operators by number, never by name."""

import argparse


def add_operator(parser: argparse.ArgumentParser) -> None:
    """Adds `--operator` to a verb that records an act by hand."""
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
    """The operator: the value of `--operator`, otherwise the number of the login that started this program."""
    from edge.adapters.linux.login_uid import uid
    from edge.domain.people.operator_id import of_uid

    given: str | None = arguments.operator
    return of_uid(uid()) if given is None else given


def _staff_number(word: str) -> str:
    """Checks the value before anything is done. The error does not repeat it, because it may be a name."""
    from edge.adapters.linux.login_uid import is_login_name
    from edge.domain.people.operator_id import is_staff_number

    if not is_staff_number(word) or is_login_name(word):
        raise argparse.ArgumentTypeError(
            "a staff number, not a name, since records travel: 1 to 32 of a-z 0-9 -, a digit among them, and no "
            "login of this machine"
        )
    return word
