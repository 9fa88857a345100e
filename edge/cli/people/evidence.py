"""`smartclocker evidence list|delete`: lists and deletes evidence images. Nobody can see an image at the
terminal.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from edge.cli import add_config, add_json
from edge.cli.people.operator_option import add_operator
from edge.cli.people.rights import with_terminal
from edge.domain.plural import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `evidence`."""
    parser.epilog = (
        "Each image is sealed to the employer's key ([evidence] in the configuration) and deleted within 90 days. "
        "Only an order releases an image: `smartclocker central order SITE/TERMINAL release-evidence …`."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser(
        "list",
        help="list the punches that have an image; never the image",
        description="List the punches that have an image, without the images.",
    )
    listing.add_argument("--person", metavar="ID", help="images of this person alone")
    listing.set_defaults(operator=None)  # listing makes no record
    delete = verbs.add_parser(
        "delete",
        help="delete the images of one person or of everybody; a record says so",
        description="Delete images, and copies that wait to be collected, completely. This cannot be undone.",
    )
    whose = delete.add_mutually_exclusive_group(required=True)
    whose.add_argument(
        "--person", metavar="ID", help="delete the images of this person; the id that `people list` shows"
    )
    whose.add_argument("--everybody", action="store_true", help="delete the images of everybody")
    add_operator(delete)
    for verb, call in ((listing, run_list), (delete, run_delete)):
        add_config(verb)
        add_json(verb)
        verb.set_defaults(call=call)


def run_list(arguments: argparse.Namespace) -> int:
    """Prints the list. Expired images are deleted first."""
    from edge import config
    from edge.terminal import adapters
    from edge.terminal.orders import image_orders

    loaded = config.load(arguments.config).config
    rows = image_orders.listed(Path(loaded.storage.state), arguments.person, adapters.clock().evidence())
    if arguments.person is not None and not rows:
        with_terminal(arguments, partial(_refuse_unknown, arguments.person))
    if arguments.json:
        print(json.dumps({"taken": loaded.evidence is not None, "images": rows}, indent=2))
        return 0
    for row in rows:
        known = "" if row["age_known"] else "  (age not known yet)"
        print(f"{row['utc']}  {row['person']}  {row['record']}  {row['bytes']} bytes{known}")
    taken = (
        "one is taken at each punch" if loaded.evidence is not None else "none are taken: there is no [evidence]"
    )
    print(f"{counted(len(rows), 'image')}, {sum(row['bytes'] for row in rows)} bytes; {taken}")
    return 0


def run_delete(arguments: argparse.Namespace) -> int:
    """Deletes images, and records that."""
    from edge.terminal.operator import actions

    def delete(**parts: Any) -> int:
        _refuse_unknown(arguments.person, **parts)
        return actions.delete_images(arguments.person, **parts)

    count = with_terminal(arguments, delete)
    print(
        json.dumps({"deleted": count})
        if arguments.json
        else f"{counted(count, 'image')} deleted; the record says so"
    )
    return 0


def _refuse_unknown(person: str | None, **parts: Any) -> None:
    """Refuses an unknown person id: it has no images, and an empty answer would look like a fact. Raises
    QuestionError.
    """
    from edge.errors import QuestionError
    from edge.terminal.operator import known_person
    from edge.terminal.orders import image_orders

    if person is None or known_person.knows(person, parts["people"], parts["journal"]):
        return
    if not image_orders.listed(parts["people"].path.parent, person, parts["clock"].evidence()):
        raise QuestionError(
            f"{person!r}: nobody here has this id, and no record names it; `smartclocker people list` shows who is"
        )
