"""`smartclocker bench`."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from edge.cli import add_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench`."""
    parser.epilog = (
        "Run it on an idle machine. A figure that misses its aim is shown, not hidden; the exit code stays 0."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench.json"), metavar="FILE", help="default: build/bench.json"
    )
    add_json(parser, array=True)
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, write."""
    from edge.bench import suite

    rows = suite.run(lambda title: print(f"measuring {title} …", file=sys.stderr, flush=True))
    suite.write(rows, arguments.out)
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "value", "unit", "against", "ratio", "aim", "met")
    for row in rows:
        met = "" if row.met is None else ("yes" if row.met else "NO")
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} ×"
        table.add_row(row.name, f"{row.value:g}", row.unit, row.against or "", ratio, row.aim or "", met)
    Console().print(table)
    print(f"written to {arguments.out}")
    return 0
