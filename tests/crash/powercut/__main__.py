"""`make powercut`: one JSON line at the end, and exit 0 only when every state was sound."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.crash.powercut.cuts import Cut
from tests.crash.powercut.run import Plan, replay, run
from tests.crash.powercut.variants import SABOTAGED, VARIANTS
from tests.crash.powercut.workload import CUE_FIRST, NORMAL


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, print; the exit code."""
    parser = argparse.ArgumentParser(prog="powercut", description="Open what a power cut may leave.")
    parser.add_argument("--states", type=int, default=10_000)
    parser.add_argument("--sabotage", choices=("none", NORMAL, CUE_FIRST), default="none")
    parser.add_argument("--variants", help=f"of {', '.join(VARIANTS)}; separated by commas")
    parser.add_argument("--punches", type=int, default=10, help="of the recorded daemon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--directory", type=Path, default=Path("build/powercut"), help="made anew")
    parser.add_argument("--replay", type=Path, help="the directory of one recording: judge one cut of it again")
    parser.add_argument("--cut", type=Cut.parse, help="which")
    words = parser.parse_args(arguments)
    if words.replay is not None:
        finding = replay(words.replay.absolute(), words.cut)
        print(finding)
        return 0 if finding.sound else 1
    usual = VARIANTS if words.sabotage == "none" else SABOTAGED
    chosen = words.variants.split(",") if words.variants else list(usual)
    begun = time.monotonic()
    plan = Plan(words.states, words.sabotage, chosen, words.punches, words.seed, words.processes)
    totals = run(words.directory.absolute(), plan)
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    print(json.dumps(asdict(totals)))
    return 0 if totals.sound and totals.states == words.states else 1


if __name__ == "__main__":
    sys.exit(main())
