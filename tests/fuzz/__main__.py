"""`make fuzz`: so many mutants, and what came of them in one line of JSON."""

import argparse
import json
import logging
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.run import Fuzzer, peak_mb

RSS_LIMIT_MB = 32.0


def main(words: list[str] | None = None) -> int:
    """0 only when nothing crashed, nothing changed and memory stayed where it was."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kept", type=Path, help="where mutants go that something was found with")
    arguments = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    logging.disable()  # what is refused is logged once each: a million lines say nothing
    began = time.monotonic()
    kept = arguments.kept or Path(tempfile.gettempdir()) / f"smartclocker-fuzz-findings-{arguments.seed}"
    found = Fuzzer(arguments.cases, arguments.seed, kept).run()
    report = {
        "cases": found.cases,
        "crashes": found.crashes,
        "changed": found.changed,
        "rss_growth_mb": found.rss_growth_mb,
        "rss_peak_mb": round(peak_mb(), 1),
        "readers": found.by_reader,
        "seed": arguments.seed,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(report), flush=True)
    whole = found.cases >= arguments.cases and found.rss_growth_mb < RSS_LIMIT_MB
    return 0 if whole and not found.crashes and not found.changed else 1


if __name__ == "__main__":
    sys.exit(main())
