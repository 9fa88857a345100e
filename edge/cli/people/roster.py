"""`smartclocker people export|roster`: hands a person to the centre, and shows the roster that came from there."""

import argparse
import json
from pathlib import Path

from edge.cli import add_config, add_json
from edge.cli.people.operator_option import add_operator
from edge.cli.people.rights import with_terminal
from edge.domain.plural import command, counted


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `export` and `roster`."""
    parser = verbs.add_parser(
        "export",
        help="export a person for the centre's roster, so that all terminals of the site know them",
        description="Write one person's name, templates, consent, badges and PIN into a file that only the centre "
        "opens, for `smartclocker central roster add`. A person without a face needs a badge, a staff number or a "
        "PIN. The person stays enrolled here; a signed record says that they were exported.",
    )
    parser.add_argument("person", metavar="PERSON", help="the id that `people list` shows")
    parser.add_argument(
        "--to",
        type=Path,
        required=True,
        metavar="PEM",
        help="the key that the file is sealed to: roster.pem of the centre",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the new file (default: PERSON.scp in this directory)"
    )
    add_config(parser)
    add_operator(parser)
    parser.set_defaults(call=run_export)
    roster = verbs.add_parser(
        "roster",
        help="show how much of the site's roster is here, what is missing, and who is kept out and why",
        description="Show how much of the site's roster has come through the broker. Exit code 1 when something "
        "that it lists is missing.",
    )
    add_config(roster)
    add_json(roster)
    roster.set_defaults(call=run_roster)


def run_roster(arguments: argparse.Namespace) -> int:
    """Prints the state of the received roster. It may run beside the terminal's service."""
    from edge import config
    from edge.domain.roster.entry_state import HELD, OUT
    from edge.people.roster.inbox import missing_of
    from edge.people.roster.state import MANIFEST
    from edge.terminal import installed

    received = installed.open_received(config.load(arguments.config).config, mend=False)
    try:
        rows, mark, missing = received.rows().values(), received.mark(MANIFEST), missing_of(received)
    finally:
        received.close()
    out = {row.person: row.reason for row in rows if row.state == OUT}
    held = sum(row.state == HELD for row in rows)
    if arguments.json:
        version = None if mark is None else mark.version
        print(json.dumps({"version": version, "held": held, "kept_out": out, "missing": missing}, indent=2))
        return 1 if missing else 0
    if mark is None:
        print("no roster has come yet: the centre has none for this site, or keys.authority is not set")
        return 0
    for person, reason in out.items():
        print(f"kept out      {person}: {reason}")
    for name in missing:
        print(f"missing       {name}")
    here = counted(held, "person is", "people are")
    print(f"roster {mark.version}: {here} here, {len(out)} kept out, {len(missing)} missing")
    return 1 if missing else 0


def run_export(arguments: argparse.Namespace) -> int:
    """Exports one person."""
    from edge import config
    from edge.crypto.key_files import load_public
    from edge.terminal import installed
    from edge.terminal.operator import hand_over

    centre = load_public(arguments.to, "copy the centre's roster.pem there (`smartclocker central init` made it)")
    loaded = config.load(arguments.config).config
    speaks = installed.origin(loaded), installed.load_secrets(loaded).identity
    path = arguments.out or Path(f"{arguments.person}.scp")
    size = with_terminal(
        arguments, lambda **parts: hand_over.export(arguments.person, path, centre, *speaks, **parts)
    )
    print(f"written       {path}  ({size} bytes, sealed to the centre)")
    print(f"next          {command('central', 'roster', 'add', 'DIR', path.name)}")
    print("              at the centre, then destroy the file. Do it within a month: people who are not")
    print("              on the site's roster by then are erased here, too")
    return 0
