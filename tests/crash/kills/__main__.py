"""`make crash`: kill, settle, judge, and say it in one line of JSON."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from tests.crash.kills.campaign import Campaign, Died, NotSettled
from tests.crash.kills.judge import judge
from tests.crash.kills.site import build

CUE_FIRST = "cue-first"
_TAIL = 40
"""Lines of each log that are shown after a failure; from the last traceback on where that is near."""
LIVES = "lives.json"
"""What each life of a terminal showed, beside what is judged by it."""


def main(words: list[str] | None = None) -> int:
    """0 only when every kill was made and nothing was lost, doubled or unverifiable."""
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=2000, help="in total, over daemon, broker and ledger")
    parser.add_argument("--terminals", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", choices=("", CUE_FIRST), default="", help="must find losses, and exit 1")
    parser.add_argument("--directory", type=Path, help="a new one, kept; otherwise it is kept after a failure only")
    arguments = parser.parse_args(words)
    signal.signal(signal.SIGTERM, _interrupted)
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="smartclocker-crash-"))
    good = False
    try:
        good = _run(directory.resolve(), arguments)
    finally:
        if good and arguments.directory is None:
            shutil.rmtree(directory)
        else:
            print(f"kept: {directory}", file=sys.stderr)
    return 0 if good else 1


def _run(directory: Path, arguments: argparse.Namespace) -> bool:
    began = time.monotonic()
    site = build(directory, arguments.terminals)
    campaign = Campaign(site, arguments.kills, arguments.seed, sabotage=arguments.sabotage == CUE_FIRST)
    ended = ""
    try:
        campaign.run()
        campaign.settle()
    except (Died, NotSettled) as error:
        ended = str(error)
    finally:
        campaign.abandon()
    lives = [life for daemon in campaign.daemons for life in daemon.lives]
    (directory / LIVES).write_text(json.dumps([asdict(life) for life in lives], indent=1), encoding="utf-8")
    found = judge(site, lives)
    for problem in [*([ended] if ended else []), *found.problems]:
        print(problem, file=sys.stderr)
    kills = {quota.kind: quota.done for quota in campaign.quotas}
    report = {
        "kills": sum(kills.values()),
        "signalled": found.signalled,
        "lost": found.lost,
        "duplicated": found.duplicated,
        "unverifiable": found.unverifiable,
        "unshown": found.unshown,
        "victims": kills,
        "lives": len(lives),
        "seed": arguments.seed,
        "seconds": round(time.monotonic() - began),
        **({"stopped": ended} if ended else {}),
    }
    print(json.dumps(report), flush=True)
    good = found.good and not ended and found.signalled > 0 and report["kills"] >= arguments.kills
    if not good:
        _tell_logs(directory)
    return good


def _tell_logs(directory: Path) -> None:
    """What each program said last: a directory under /tmp may be gone before anybody looks into it."""
    for log in sorted(directory.rglob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if not lines:
            continue
        print(f"--- {log.relative_to(directory)}, the last of {len(lines)} lines:", file=sys.stderr)
        begin = max(0, len(lines) - _TAIL)
        near = [n for n, line in enumerate(lines) if line.startswith("Traceback ") and n >= len(lines) - 10 * _TAIL]
        for line in lines[min([begin, *near[-1:]]) :]:
            print(f"    {line[:500]}", file=sys.stderr)


def _interrupted(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
