"""`smartclocker config show`: prints the effective configuration."""

import argparse
import json

from edge.cli import add_config, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `config`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    show = verbs.add_parser(
        "show",
        help="print every key with its effective value and its source",
        description="Print every key with its effective value, and whether the file or a default set it.",
    )
    add_config(show)
    add_json(show)
    show.set_defaults(call=run_show)


def run_show(arguments: argparse.Namespace) -> int:
    """Prints one row for each key."""
    from edge import config

    rows = list(config.load(arguments.config).rows())
    if arguments.json:
        print(json.dumps({key: {"value": value, "source": source} for key, value, source in rows}, indent=2))
        return 0
    width = max(len(key) for key, _, _ in rows)
    for key, value, source in rows:
        print(f"{key:<{width}}  {json.dumps(value):<44}  {source}")
    return 0
