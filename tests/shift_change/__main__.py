"""`make shift-change`: many people come in a few minutes, at two doors of one site, by face, badge and PIN.

Two terminals' daemons, a real mosquitto, a real ledger. Strangers stay before the cameras all the time.
"""

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from edge.cli.output.progress import progress
from edge.domain.recognition.quality import ENROLMENT_LIMITS
from edge.errors import SmartClockerError
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline
from tests.shift_change import faces, findings, plan, report, site
from tests.shift_change.faces import Face
from tests.shift_change.findings import Findings
from tests.shift_change.plan import Plan, Way
from tests.shift_change.story import Story

LEAST = 6
_RECEIPTS_S = 120.0


def main(words: list[str] | None = None) -> int:
    """The exit code: 0 everybody was answered and everything agrees; 1 not; another one when it could not run."""
    arguments = _parser().parse_args(words)
    if arguments.people < LEAST or arguments.seconds <= 0 or arguments.strangers < 0 or arguments.patience <= 0:
        _parser().error(
            f"it needs {LEAST} --people, some --seconds and --patience, and no fewer than 0 --strangers"
        )
    if arguments.directory is not None and arguments.directory.exists():
        _parser().error(f"{arguments.directory} exists; name a new directory")
    kept = arguments.directory is not None
    directory = (arguments.directory or Path(tempfile.mkdtemp(prefix="smartclocker-shift-")) / "site").resolve()
    logger = logging.getLogger("edge")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # the doors log to files of their own
    try:
        found = _play(arguments, directory)
    except SmartClockerError as error:
        print(f"shift-change: {error}", file=sys.stderr)
        _end(directory, kept=kept or directory.exists())
        return error.exit_code
    finally:
        logger.setLevel(level)
    if arguments.json:
        print(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        print("\n".join(report.lines(found)))
    _end(directory, kept=kept or bool(found.failed))
    return 1 if found.failed else 0


def _end(directory: Path, *, kept: bool) -> None:
    """Keep the site's files, or remove them with the temporary directory around them."""
    if not kept:
        shutil.rmtree(directory.parent)
    elif directory.exists():
        print(f"kept: {directory}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make shift-change",
        usage="make shift-change [ARGS='--people N --seconds S …']   or: python -m tests.shift_change …",
        description=__doc__,
        epilog="It takes the seconds that it is told and half a minute more; use an idle machine. Without --faces, "
        "three people come with photographs of their own, and the others with one of these and a drawn vector.",
    )
    parser.add_argument("--people", type=int, default=100, metavar="N", help=f"{LEAST} at least (default: 100)")
    parser.add_argument("--seconds", type=float, default=200.0, metavar="S", help="within which all of them come "
                        "(default: 200)")  # fmt: skip
    parser.add_argument("--strangers", type=int, default=5, metavar="N", help="who stay (default: 5)")
    parser.add_argument("--faces", type=Path, metavar="DIR", help="real people for those who come by face and the "
                        "strangers: a folder with a folder of two or more pictures for each person")  # fmt: skip
    parser.add_argument("--patience", type=float, default=15.0, metavar="S", help="somebody without any answer for "
                        "so long is lost (default: 15)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="who comes when, and the drawn faces (default: 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--directory", type=Path, help="a new one, kept; otherwise kept after a failure only")
    return parser


def _play(arguments: argparse.Namespace, directory: Path) -> Findings:
    found = Findings()
    planned = _people(arguments, found)
    found.figures |= {
        "people": arguments.people, "seconds": arguments.seconds, "seed": arguments.seed,
        "window_s": planned.window_s, "processors": len(os.sched_getaffinity(0)), "load_before": os.getloadavg()[0],
    }  # fmt: skip
    with ExitStack() as stack:
        with progress("enrolling") as done:
            place = stack.enter_context(site.running(directory, planned, done))
        story = Story(planned, place.doors, arguments.patience)
        with progress("people come") as done:
            outcomes = story.run(done)
        found.figures["took_s"] = round(story.took_s, 1)
        found.figures["load_after"] = os.getloadavg()[0]
        findings.of_story(found, planned, outcomes, place.doors)
        findings.of_status(found, place.doors)
        found.must(site.receipted(place, _RECEIPTS_S), f"not everything was receipted within {_RECEIPTS_S:.0f} s")
        codes = {name: door.stop() for name, door in place.doors.items()}
        found.must(not any(codes.values()), f"the terminals ended with {codes}")
        findings.of_ledger(found, planned, outcomes, place)
    return found


def _people(arguments: argparse.Namespace, found: Findings) -> Plan:
    """The plan, with real photographs first for those who come by face."""
    pipeline = Pipeline(ModelStore(models_directory()), ENROLMENT_LIMITS, mirrored=True)
    ways = plan.ways(arguments.people)
    by_face = ways.count(Way.FACE)
    strangers: list[Face] = []
    if arguments.faces is None:
        real = faces.shipped(pipeline)[:by_face]
        source = "the packages' photographs"
    else:
        real, strangers = faces.of_folder(arguments.faces, by_face, arguments.strangers, pipeline, arguments.seed)
        source = str(arguments.faces)
    rows = real[0].rows
    length = 0 if rows is None else rows.shape[1]
    missing = arguments.people - len(real)
    drawn, others = faces.drawn(missing, arguments.strangers, length, np.random.default_rng(arguments.seed))
    strangers = strangers or others
    pictures, vectors = iter(real), iter(drawn)
    staff = [next(pictures, None) or next(vectors) if way is Way.FACE else next(vectors) for way in ways]
    found.figures["faces"] = {
        "source": source,
        "by_face_with_photographs_of_their_own": len(real),
        "by_face_with_a_drawn_vector": by_face - len(real),
        "enrolled_from": {
            str(count): sum(one.rows is not None and len(one.rows) == count for one in real)
            for count in range(1, faces.TEMPLATES + 1)
        },
        "strangers_with_photographs_of_their_own": 0 if arguments.faces is None else len(strangers),
    }
    return plan.make(staff, strangers, arguments.seconds, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
