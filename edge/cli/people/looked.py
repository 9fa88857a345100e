"""`smartclocker people looked`: lists what a restored older people file lacks, and records that somebody saw to
it.
"""

import argparse

from edge.cli import add_config
from edge.cli.people.operator_option import add_operator
from edge.cli.people.rights import with_terminal
from edge.domain.plural import counted


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `looked`."""
    looked = verbs.add_parser(
        "looked",
        help="list who lacks what after an older people.db was put back, or record that somebody looked into it",
        description="After an older copy of people.db was put back: list who lacks a badge, a number, a PIN, a "
        "name, a face or a consent that they were given since. With PERSON or --all: record that somebody looked "
        "into it. The alarm `people-put-back` ends with the last person, and a record says who looked.",
    )
    looked.add_argument(
        "person", metavar="PERSON", nargs="*", help="ids from the list: somebody looked into these people"
    )
    looked.add_argument("--all", action="store_true", help="somebody looked into everybody on the list")
    add_config(looked)
    add_operator(looked)
    looked.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Lists the people, or records that somebody saw to them."""
    from edge import config
    from edge.errors import PeopleError
    from edge.terminal import installed
    from edge.terminal.operator import actions

    loaded = config.load(arguments.config).config
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        lacking = people.lacking.all()
    strangers = [one for one in arguments.person if one not in lacking]
    if strangers:
        raise PeopleError(
            f"{strangers[0]}: nothing is noted of them; `smartclocker people looked` lists who lacks what"
        )
    if not (arguments.person or arguments.all):
        for person, lacks in lacking.items():
            print(f"{person}  {', '.join(lacks)}")
        print(f"{counted(len(lacking), 'person', 'people')} lack what was given since" if lacking else "nobody")
        return 0

    chosen = list(lacking) if arguments.all else arguments.person
    count = with_terminal(arguments, lambda **parts: sum(actions.looked(one, **parts) for one in chosen))
    said = "the record says so" if count else "nothing is noted of anybody, so that no record was made"
    print(f"looked into: {counted(count, 'person', 'people')}; {said}")
    return 0
