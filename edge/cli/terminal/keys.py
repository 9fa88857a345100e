"""`smartclocker keys create|show`: makes the terminal's keys, and prints its public key."""

import argparse
from pathlib import Path

from edge.cli import add_config


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `keys`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    create = verbs.add_parser(
        "create",
        help="make the identity and the storage key; never overwrites one",
        description="Make the terminal's identity (Ed25519) and its storage key in DIRECTORY, closed to others. "
        "A key that is already there is kept. The identity never leaves the terminal.",
    )
    create.add_argument("directory", type=Path, metavar="DIRECTORY", help="the directory for the keys")
    create.set_defaults(call=run_create)
    show = verbs.add_parser(
        "show",
        help="print the public key, to register it at the centre",
        description="Print the terminal's public key as PEM: `smartclocker central register` takes it.",
    )
    add_config(show)
    show.add_argument(
        "--identity", type=Path, metavar="FILE", help="read this identity file; no configuration is needed"
    )
    show.set_defaults(call=run_show)


def run_create(arguments: argparse.Namespace) -> int:
    """Creates missing keys."""
    from edge.crypto import key_files
    from edge.errors import KeyFileError

    arguments.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, create in (("identity", key_files.create_identity), ("storage", key_files.create_secret)):
        path = arguments.directory / name
        if path.is_file() and path.stat().st_size == 0:
            raise KeyFileError(f"{path}: empty, and no key; remove it, then give the command again")
        if path.exists():
            print(f"kept     {path}")
            continue
        create(path)
        print(f"created  {path}")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Prints the public key as PEM."""
    from edge import config
    from edge.crypto import key_files

    path = arguments.identity or config.credential(config.load(arguments.config).config.keys.identity)
    print(key_files.public_pem(key_files.load_identity(path).verify_key), end="")
    return 0
