"""`smartclocker central doctor`: looks at every part of the centre, and says how to mend what is wrong."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from edge.cli import add_json
from edge.cli.central.directory import verb
from edge.cli.output.next_step import with_directory


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `doctor`."""
    parser = verb(verbs, "doctor", "look at every part of the centre, and say how to mend what is wrong", run)
    parser.epilog = "Exit code 1 when an item fails, 0 otherwise. docs/doctor.md has a row for each item."
    parser.add_argument(
        "--broker", type=Path, default=Path("/etc/smartclocker/broker"), metavar="INTO",
        help="where `central broker` put what the broker reads; what this user may not read is not compared "
        "(default: /etc/smartclocker/broker)",
    )  # fmt: skip
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Looks at every item."""
    from edge import __version__
    from edge.central.doctor import examination
    from edge.cli.output import finding_text

    found = []
    sources = examination.CentreSources(arguments.directory, arguments.broker)
    for finding in examination.findings(sources):
        said, mend = (with_directory(text, arguments.directory) for text in (finding.said, finding.mend))
        found.append(replace(finding, said=said, mend=mend))
        if not arguments.json:
            print(finding_text.lines(found[-1]), flush=True)
    if arguments.json:
        about = {"directory": str(arguments.directory), "version": __version__}
        print(json.dumps(finding_text.document(found, about), indent=2))
    else:
        print(finding_text.summary(found))
    return finding_text.exit_code(found)
