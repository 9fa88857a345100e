"""`make bench`: speed and memory, each against an aim or a floor of the same run; a table, and build/bench.json."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from edge.errors import SmartClockerError
from tests.bench import suite
from tests.bench.row import Row

FILE = Path("build/bench.json")


def main(words: list[str] | None = None) -> int:
    """The exit code: 0 measured, whatever the figures are; another one when something could not be measured."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        usage="make bench [ARGS='--out FILE --json']   or: python -m tests.bench [--out FILE] [--json]",
        description=__doc__,
        epilog="It takes minutes; use an idle machine. A figure that misses its aim is shown, not hidden; the "
        "exit code stays 0. The file and --json hold a list of {name, value, unit, against, ratio, aim, met}. The "
        "first run installs what it is compared with into build/peers, from provisioning/locks/peers.txt; without "
        "it those rows are left out.",
    )
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE", help=f"default: {FILE}")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects instead of text")
    arguments = parser.parse_args(words)
    try:
        rows = suite.run(lambda title: print(f"measuring {title} …", file=sys.stderr, flush=True))
    except SmartClockerError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    suite.write(rows, arguments.out)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
    else:
        Console().print(table(rows))
        print(f"written to {arguments.out}")
    return 0


def table(rows: list[Row]) -> Table:
    """A line for each figure, and whether it meets its aim."""
    found = Table("what", "value", "unit", "against", "ratio", "aim", "met")
    for row in rows:
        met = "" if row.met is None else ("yes" if row.met else "NO")
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} ×"
        found.add_row(row.name, f"{row.value:g}", row.unit, row.against or "", ratio, row.aim or "", met)
    return found


if __name__ == "__main__":
    sys.exit(main())
