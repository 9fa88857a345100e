"""`smartclocker models`: lists and verifies the models."""

import argparse
import json
from pathlib import Path

from edge.cli import add_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `models`."""
    parser.epilog = "Exit code 78 when a file is missing or is not the one that the manifest names."
    parser.add_argument(
        "--models", default="", metavar="DIR", help="the directory of models (default: the shipped one)"
    )
    add_json(parser)
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Verifies the models, and lists them."""
    from edge.resources import models_directory
    from edge.vision.models import ModelStore

    directory: Path = models_directory(arguments.models)
    store = ModelStore(directory)
    problems = store.verify_all()
    rows = [
        {"role": role, "id": name, "licence": store.spec(role).licence, "sha256": store.spec(role).sha256}
        for role, name in store.ids().items()
    ]
    if arguments.json:
        print(json.dumps({"directory": str(directory), "models": rows, "problems": problems}, indent=2))
    else:
        for row in rows:
            print(f"{row['role']:<10}  {row['id']:<24}  {row['licence']:<11}  {row['sha256'][:16]}")
        for problem in problems:
            print(f"problem: {problem}")
        if not problems:
            print("all files are the ones that the manifest names")
    return 78 if problems else 0
