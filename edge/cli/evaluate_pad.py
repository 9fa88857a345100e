"""`smartclocker evaluate-pad`: measures presentation attack detection on a folder of pictures."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.output.report_file import require_page_libraries, write_report
from edge.errors import TransferError

if TYPE_CHECKING:
    from edge.evaluation.pad.dataset import Folder
    from edge.evaluation.pad.report import PadReport
    from edge.vision.models import ModelStore
    from edge.vision.pipeline import Pipeline


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `evaluate-pad`."""
    parser.epilog = (
        "The pipeline, the gate, the layers and the threshold are the terminal's own. Without --fps each picture "
        "is a separate attempt, and the layers that need several frames abstain."
    )
    parser.add_argument(
        "directory",
        type=Path,
        metavar="DIR",
        help=("a folder that holds real/ and one folder for each kind of attack, with pictures in them"),
    )
    parser.add_argument(
        "--fps",
        type=_fps,
        metavar="N",
        help=("the videos had N frames a second; file names end in the number of the frame (clip_12.jpg)"),
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


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints the figures, and writes the reports."""
    from edge.cli.output.progress import progress
    from edge.domain.recognition.decision import DecisionPolicy
    from edge.domain.recognition.quality import QualityLimits
    from edge.errors import EvaluationError
    from edge.evaluation.pad import experiment
    from edge.evaluation.pad.dataset import read_folder
    from edge.evaluation.pad.report import PadReport
    from edge.evaluation.pad.verdict_cache import Clips
    from edge.resources import models_directory
    from edge.vision.models import ModelStore
    from edge.vision.pipeline import WIDE_EVERY, Pipeline

    if arguments.html is not None:
        require_page_libraries()
    if arguments.simulate and arguments.work is not None:
        raise EvaluationError(
            "simulated attacks depend on those drawn before them, and are not kept: leave out --work"
        )
    folder = read_folder(arguments.directory, arguments.fps)
    store = ModelStore(models_directory(arguments.models))
    if arguments.regions:
        return _regions(folder, store, Pipeline(store, QualityLimits()), arguments.regions)
    # Without a frame rate, each picture is a whole attempt.
    often = 1 if arguments.fps is None else WIDE_EVERY
    pipeline = Pipeline(store, QualityLimits(), wide_every=often)
    policy = DecisionPolicy()
    with Clips(arguments.work, f"{store.fingerprint()} wide {often}", policy) as clips, progress("looking") as tell:
        kept = None if arguments.work is None else clips
        tried = experiment.measure(folder, pipeline, policy, tell, simulate=arguments.simulate, kept=kept)
    frames = 1 if arguments.fps is None else policy.frames
    report = PadReport(folder, tried, policy.liveness, frames, arguments.fps, pipeline.model_ids)
    _print(report)
    if arguments.json is not None:
        write_report(
            arguments.json, json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n", TransferError
        )
    if arguments.html is not None:
        from edge.evaluation.pad.html_report import render

        write_report(arguments.html, render(report), TransferError)
    return 0


def _print(report: "PadReport") -> None:
    from edge.domain.pad.verdict import Layer, Vote
    from edge.evaluation.pad.metrics import acer, worst

    def percent(value: float | None) -> str:
        return "not measured" if value is None else f"{100 * value:.2f} %"

    for kind in report.kinds:
        tried = report.tried
        reasons = ", ".join(f"{count} {why}" for why, count in tried.rejected.get(kind, {}).items())
        print(
            f"{kind}: {tried.images[kind]} pictures, {tried.detected[kind]} with a face, {tried.accepted[kind]} "
            f"past the gate, {len(report.scores(kind))} attempts" + (f"; left out: {reasons}" if reasons else "")
        )
    for file, why in report.tried.unreadable.items():
        print(f"unreadable: {file}: {why}")
    if report.folder.other_files:
        print(f"{report.folder.other_files} files that are neither JPEG nor PNG, or in no kind's folder")
    apcer, bpcer = report.apcer(), report.bpcer()
    for kind, share in apcer.items():
        print(f"APCER {kind}: {percent(share.value)} of {share.of}")
    for kind in report.simulated:
        share = report.passed(kind)
        print(f"passed of {kind}: {percent(share.value)} of {share.of} (drawn: it says what the layers cannot see)")
    print(f"BPCER: {percent(bpcer.value)} of {bpcer.of}")
    print(
        f"ACER: {percent(acer(worst(apcer), bpcer.value))}, at a mean probability of life of {report.threshold:g}"
    )
    refused = report.with_rejects()
    print(
        f"by picture, one without a verdict counted as refused: APCER {percent(worst(refused.apcer))}, "
        f"BPCER {percent(refused.bpcer.value)} of {refused.bpcer.of}"
    )
    for layer in Layer:
        votes = {kind: report.votes(layer, kind) for kind in report.kinds}
        words = [
            f"{kind} {said[Vote.ATTACK]} of {said.total()}, {said[Vote.ABSTAIN]} abstained"
            for kind, said in votes.items()
        ]
        print(f"layer {layer} refuses: " + "; ".join(words))


def _regions(folder: "Folder", store: "ModelStore", pipeline: "Pipeline", scales: list[float]) -> int:
    from edge.cli.output.progress import progress
    from edge.domain.pad.verdict import LIVE
    from edge.evaluation.pad.dataset import REAL
    from edge.evaluation.pad.regions import sweep

    with progress("looking") as tell:
        found = sweep(folder, store, pipeline, scales, tell)
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
