"""`make privacy`: tell the story, print the table, exit 0 only when every promise held."""

import argparse
import json
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.privacy import cast, sabotage
from tests.privacy.company import found
from tests.privacy.findings import PATIENCE_S, Findings
from tests.privacy.promises import NOT_INCLUDED, PROMISES
from tests.privacy.story import Story


def main(words: list[str] | None = None) -> int:
    """The exit code: 0 all hold, 1 some do not."""
    parser = argparse.ArgumentParser(prog="make privacy", description=__doc__)
    parser.add_argument("--people", type=int, default=50, help=f"{cast.LEAST} at least (default: 50)")
    parser.add_argument("--terminals", type=int, default=5, help="4 at least (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the table for machines")
    parser.add_argument(
        "--sabotage", choices=["", *sabotage.WORDS], default="", help="break one promise: must exit 1"
    )
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_S, metavar="S", help="how long anything may take"
    )
    parser.add_argument("--steps", nargs="*", default=[], metavar="STEP", help="only this much of the story: "
                        "promises of which nothing is seen do not hold")  # fmt: skip
    parser.add_argument("--directory", type=Path, help="a new one, kept; otherwise kept after a failure only")
    arguments = parser.parse_args(words)
    if arguments.people < cast.LEAST or arguments.terminals < 4:
        parser.error(f"the story needs {cast.LEAST} people and 4 terminals at least")
    if arguments.directory is not None and arguments.directory.exists():
        parser.error(f"{arguments.directory} exists; name a new directory")
    kept = arguments.directory is not None
    directory = (arguments.directory or Path(tempfile.mkdtemp(prefix="smartclocker-privacy-")) / "works").resolve()
    began = time.monotonic()
    rows = tell(directory, arguments.people, arguments.terminals, arguments.sabotage, arguments.patience,
                tuple(arguments.steps))  # fmt: skip
    good = all(row["holds"] for row in rows)
    show(rows)
    seconds = round(time.monotonic() - began)
    print(f"{sum(bool(row['holds']) for row in rows)} of {len(rows)} promises hold; {seconds} s")
    print("not included: " + "; ".join(NOT_INCLUDED))
    if arguments.json is not None:
        report = {"holds": good, "people": arguments.people, "terminals": arguments.terminals, "seconds": seconds,
                  "sabotage": arguments.sabotage, "promises": rows, "not_included": NOT_INCLUDED}  # fmt: skip
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if good and not kept:
        shutil.rmtree(directory.parent)
    else:
        print(f"kept: {directory}", file=sys.stderr)
    return 0 if good else 1


def tell(
    directory: Path,
    people: int,
    terminals: int,
    word: str = "",
    patience_s: float = PATIENCE_S,
    only: tuple[str, ...] = (),
) -> list[dict[str, object]]:
    """The rows of the table. A step that breaks is a fact against the promises, and the last step."""
    findings = Findings(patience_s=patience_s)
    with found(directory, terminals) as company, sabotage.of(word):
        steps = Story(company, findings, people).steps(only)
        for number, (title, body) in enumerate(steps, 1):
            began = time.monotonic()
            print(f"{number:>3}/{len(steps)}  {title} …", end="", file=sys.stderr, flush=True)
            try:
                body()
            except Exception as error:  # noqa: BLE001 - whatever it is, the table says so
                traceback.print_exc()
                findings.note("chain", False, f"step {number} broke off: {type(error).__name__}")
                break
            print(f" {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return findings.rows(PROMISES)


def show(rows: list[dict[str, object]]) -> None:
    """The table: promise, evidence, holds."""
    for row in rows:
        failed, evidence = row["failed"], row["evidence"]
        print(f"{'holds ' if row['holds'] else 'FAILS '} {row['promise']}: {row['text']} ({row['source']})")
        for line in failed or evidence:  # type: ignore[union-attr]
            print(f"         {'! ' if failed else ''}{line}")


if __name__ == "__main__":
    sys.exit(main())
