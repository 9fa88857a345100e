"""`smartclocker status`: how the running terminal is."""

import argparse
import json
from typing import Any

from edge.cli import add_config, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `status`."""
    parser.description = (
        "Ask the running terminal how it is: its state, its alarms, its journal and its counters. It is about "
        "nobody. docs/operations.md says what to do about each alarm."
    )
    add_config(parser)
    add_json(parser)
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the status."""
    from edge import config
    from edge.adapters.linux.control_client import ask
    from edge.terminal import installed

    said = ask(installed.control_path(config.load(arguments.config).config), {"do": "status"})
    if arguments.json:
        print(json.dumps({key: value for key, value in said.items() if key not in {"v", "end"}}, indent=2))
    else:
        print("\n".join(_lines(said)))
    return 0


def _lines(said: dict[str, Any]) -> list[str]:
    journal = said["journal"]
    pending = f"{journal['pending']} not receipted yet" if journal["pending"] else "all receipted"
    return [
        f"{said['site']}/{said['terminal']}: {said['state']} ({said['text']})",
        f"alarms: {', '.join(said['alarms']) or 'none'}",
        f"journal: {journal['head']} records in this epoch, {pending}",
        f"version: {said['version']}, models {', '.join(said['models']) or 'none'}",
        f"time: {said['utc']}",
        *(f"  {name}: {value}" for name, value in said["counters"].items()),
    ]
