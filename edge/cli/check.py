"""`smartclocker check`."""

import argparse
import json

from edge.cli import add_config, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `check`."""
    parser.epilog = (
        "Prints every problem with its cure, and exits with 78 when there is one. It changes nothing, needs no "
        "network and may be run beside the running service."
    )
    add_config(parser)
    add_json(parser)
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Check everything that can be checked from outside."""
    from edge import config
    from edge.errors import ConfigError
    from edge.terminal import checking

    notes: list[str] = []
    try:
        loaded = config.load(arguments.config)
        problems, notes = checking.problems(loaded), checking.notes(loaded)
    except ConfigError as error:
        problems = error.problems
    if arguments.json:
        document = {"config": str(arguments.config), "problems": problems, "notes": notes}
        print(json.dumps(document, indent=2))
    else:
        for problem in problems:
            print(f"problem: {problem}")
        for note in notes:
            print(f"note: {note}")
        print(f"{arguments.config}: " + (f"{len(problems)} to mend" if problems else "ok"))
    return ConfigError.exit_code if problems else 0
