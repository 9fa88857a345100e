"""`smartclocker evaluate-pad`: measures presentation attack detection on a folder of pictures and films."""

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.output.report_file import require_page_libraries, write_report
from edge.errors import TransferError

if TYPE_CHECKING:
    from edge.domain.recognition.decision import DecisionPolicy
    from edge.evaluation.pad.dataset import Folder
    from edge.evaluation.pad.enrolment import AttackedPeople
    from edge.evaluation.pad.footage import Sampling
    from edge.evaluation.pad.report import PadReport
    from edge.vision.models import ModelStore
    from edge.vision.pipeline import Pipeline


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `evaluate-pad`."""
    parser.epilog = (
        "The pipeline, the gate, the layers and the threshold are the terminal's own. Without --fps each picture "
        "is a separate attempt, and the layers that need several frames abstain. docs/pad-evaluation.md teaches "
        "how to film attacks with a telephone."
    )
    parser.add_argument(
        "directory",
        type=Path,
        metavar="DIR",
        help="a folder with real/ and one folder for each kind of attack, with pictures and films in them",
    )
    parser.add_argument(
        "--fps",
        type=_fps,
        metavar="N",
        help=(
            "the pictures are frames of videos of N a second; file names end in the number of the frame "
            "(clip_12.jpg). Films know their own rate"
        ),
    )
    parser.add_argument(
        "--rate",
        type=_fps,
        default=15.0,
        metavar="N",
        help="look at films N times a second (default: 15, as camera.fps)",
    )
    parser.add_argument(
        "--size",
        type=_size,
        default=(640, 480),
        metavar="WIDTHxHEIGHT",
        help="scale films to the terminal's picture, and cut off what goes beyond (default: 640x480)",
    )
    _people_arguments(parser)
    parser.add_argument(
        "--tuned-on",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help=(
            "layers or limits were chosen on these recordings, folders or kinds (screen/ada): report the "
            "others apart"
        ),
    )
    parser.add_argument(
        "--simulate",
        action="store_true",
        help=(
            "try each genuine picture as two simulated attacks, too: held up with its edges in "
            "view, and on a display"
        ),
    )
    parser.add_argument(
        "--regions",
        type=_scales,
        metavar="SCALE,…",
        help=(
            "print only a table of what the texture model gives for other regions, as multiples of the face's box"
        ),
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help=(
            "keep the verdicts in this folder, so that a run that was interrupted goes on; not with `--simulate`"
        ),
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure into this file, as JSON")
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a report to look at into this file (needs the extra [evaluate])",
    )
    parser.add_argument(
        "--models", default="", metavar="DIR", help="the directory of models (default: the shipped one)"
    )
    parser.set_defaults(call=run)


def _people_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--enrol",
        type=Path,
        metavar="DIR",
        help="enrol people, a folder of photographs each, and report the attacks that are recognised, too (IAPAR)",
    )
    source.add_argument(
        "--enrol-from",
        choices=["real"],
        metavar="KIND",
        help="the same with the people of real/, each by the name of their folder or film",
    )
    parser.add_argument(
        "--shows",
        type=Path,
        metavar="CSV",
        help=("a file with the columns recording,person: who is shown, where no folder's or film's name says it"),
    )


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints the figures, and writes the reports."""
    from edge.adapters.replay.video_file import load_library
    from edge.cli.output.pad_text import lines
    from edge.cli.output.plain_text import say
    from edge.cli.output.progress import progress
    from edge.domain.recognition.decision import DecisionPolicy
    from edge.domain.recognition.quality import QualityLimits
    from edge.errors import EvaluationError
    from edge.evaluation.pad import experiment
    from edge.evaluation.pad.dataset import named, read_folder
    from edge.evaluation.pad.footage import Sampling
    from edge.evaluation.pad.report import PadReport
    from edge.evaluation.pad.verdict_cache import Clips
    from edge.resources import models_directory
    from edge.vision.models import ModelStore
    from edge.vision.pipeline import Pipeline

    if arguments.html is not None:
        require_page_libraries()
    if arguments.simulate and arguments.work is not None:
        raise EvaluationError(
            "simulated attacks depend on those drawn before them, and are not kept: leave out --work"
        )
    if arguments.shows is not None and arguments.enrol is None and arguments.enrol_from is None:
        raise EvaluationError(
            "--shows says who is shown; say who is enrolled, too: --enrol DIR or --enrol-from real"
        )
    folder = read_folder(arguments.directory, arguments.fps)
    if folder.films:
        load_library()  # before hours of work
    tuned_on = frozenset(recording for name in arguments.tuned_on for recording in named(folder, name.rstrip("/")))
    sampling = Sampling(arguments.rate, arguments.size)
    store = ModelStore(models_directory(arguments.models))
    if arguments.regions:
        return _regions(folder, store, Pipeline(store, QualityLimits()), arguments.regions, sampling)
    pipeline, policy = Pipeline(store, QualityLimits()), DecisionPolicy()
    trial = experiment.PadTrial(
        pipeline,
        policy,
        # A picture that is a whole attempt gets the look at the wide region that each decision has.
        stills=Pipeline(store, QualityLimits(), wide_every=1),
        sampling=sampling,
        people=_people(arguments, folder, store, pipeline, policy),
        simulate=arguments.simulate,
    )
    with Clips(arguments.work, store.fingerprint(), policy) as clips, progress("looking") as tell:
        kept = None if arguments.work is None else clips
        tried = experiment.measure(folder, trial, tell, kept)
    frames = 1 if arguments.fps is None and not folder.films else policy.frames
    report = PadReport(
        folder,
        tried,
        policy.liveness,
        frames,
        arguments.fps,
        pipeline.model_ids,
        sampling,
        trial.people,
        tuned_on,
    )
    for line in lines(report):
        say(line)
    _write(report, arguments)
    return 0


def _write(report: "PadReport", arguments: argparse.Namespace) -> None:
    if arguments.json is not None:
        from edge.evaluation.pad.json_report import figures

        text = json.dumps(figures(report), indent=1, ensure_ascii=False)
        write_report(arguments.json, text + "\n", TransferError)
    if arguments.html is not None:
        from edge.evaluation.pad.html_report import render

        write_report(arguments.html, render(report), TransferError)


def _people(
    arguments: argparse.Namespace,
    folder: "Folder",
    store: "ModelStore",
    pipeline: "Pipeline",
    policy: "DecisionPolicy",
) -> "AttackedPeople | None":
    """Whom attacks may be taken for; None when nobody is to be enrolled."""
    from edge.cli.output.progress import progress
    from edge.evaluation.pad import enrolment
    from edge.evaluation.pad.dataset import shown_by

    if arguments.enrol is None and arguments.enrol_from is None:
        return None
    shown = shown_by(folder, arguments.shows)
    people = enrolment.people_in(folder) if arguments.enrol is None else enrolment.people_of(arguments.enrol)
    fmr = {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    with progress("enrolling") as tell:
        return enrolment.enrol(people, pipeline, fmr, policy.margin, shown, tell)


def _regions(
    folder: "Folder", store: "ModelStore", pipeline: "Pipeline", scales: list[float], sampling: "Sampling"
) -> int:
    from edge.cli.output.progress import progress
    from edge.domain.pad.verdict import LIVE
    from edge.evaluation.pad.dataset import REAL
    from edge.evaluation.pad.regions import sweep

    with progress("looking") as tell:
        found = sweep(folder, store, pipeline, scales, sampling, tell)
    print(f"pictures on the wrong side of {LIVE:g}, and the score nearest to it or beyond that 1 % do not reach")
    for number, scale in enumerate(scales):
        words = []
        for kind, lives in found.items():
            scores = sorted(lives[number], reverse=kind != REAL)
            wrong = sum((score >= LIVE) != (kind == REAL) for score in scores)
            if scores:
                worst, edge = scores[0], scores[len(scores) // 100]
                words.append(f"{kind} {100 * wrong / len(scores):.2f} % of {len(scores)} ({worst:.3f}, {edge:.3f})")
        print(f"{scale:g}: " + "; ".join(words))
    return 0


def _scales(text: str) -> list[float]:
    scales = [float(word) for word in text.split(",")]
    if not all(0.5 <= scale <= 10 for scale in scales):
        raise argparse.ArgumentTypeError("multiples of the face's box, each 0.5 to 10")
    return scales


def _fps(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError("frames a second: a number over 0, at most 1000")
    return value


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{3,4})x([0-9]{3,4})", text, re.ASCII)
    size = (0, 0) if found is None else (int(found[1]), int(found[2]))
    if not (320 <= size[0] <= 1920 and 240 <= size[1] <= 1080):
        raise argparse.ArgumentTypeError("the terminal's picture in pixels, from 320x240 to 1920x1080")
    return size
