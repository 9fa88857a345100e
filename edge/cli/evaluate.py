"""`smartclocker evaluate`: measures recognition on a folder of photographs."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.output.report_file import require_page_libraries, write_report
from edge.errors import EvaluationError

if TYPE_CHECKING:
    from edge.evaluation.recognition.report import RecognitionReport


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `evaluate`."""
    parser.epilog = (
        "The pipeline, its gates, the matching and the thresholds are the terminal's own. People with at least "
        "four pictures are enrolled, people with one are the strangers. A --work folder holds embeddings of faces: "
        "delete it when you are done."
    )
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="a folder that holds one folder of photographs for each person"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure into this file, as JSON")
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a report to look at into this file (needs the extra [evaluate])",
    )
    parser.add_argument(
        "--groups",
        type=Path,
        metavar="CSV",
        help="a file with the columns person,group: report error rates by group",
    )
    parser.add_argument(
        "--seed", type=_natural, default=0, metavar="N", help="seed of the random draws (default: 0)"
    )
    parser.add_argument(
        "--draws",
        type=_positive,
        default=10,
        metavar="N",
        help=("number of random draws of who is enrolled with which pictures (default: 10)"),
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help=("keep the result of each picture in this folder, so that a second run is quick"),
    )
    parser.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="threads for each inference (default: 1)"
    )
    parser.add_argument(
        "--models", default="", metavar="DIR", help="the directory of models (default: the shipped one)"
    )
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Measures, prints the figures, and writes the reports."""
    if arguments.html is not None:
        require_page_libraries()
    report = _measure(arguments)
    _print(report)
    if arguments.json is not None:
        write_report(
            arguments.json, json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n", EvaluationError
        )
    if arguments.html is not None:
        from edge.evaluation.recognition.html_report import render

        write_report(arguments.html, render(report), EvaluationError)
    return 0


def _measure(arguments: argparse.Namespace) -> "RecognitionReport":
    from edge.cli.output.progress import progress
    from edge.config_schema import Recognition
    from edge.domain.recognition.decision import DecisionPolicy
    from edge.domain.recognition.quality import QualityLimits
    from edge.evaluation.recognition import extraction
    from edge.evaluation.recognition.dataset import read_album, read_groups
    from edge.evaluation.recognition.experiment import Effort, SimulatedPolicy, evaluate
    from edge.evaluation.recognition.extraction_cache import Studies
    from edge.evaluation.recognition.report import RecognitionReport
    from edge.resources import models_directory
    from edge.vision.models import ModelStore
    from edge.vision.pipeline import Pipeline

    album = read_album(arguments.directory)
    groups, unknown = read_groups(arguments.groups, album.people) if arguments.groups else ({}, 0)
    store = ModelStore(models_directory(arguments.models))
    pipeline = Pipeline(store, QualityLimits(), arguments.threads)
    with Studies(arguments.work, store.fingerprint()) as studies, progress("looking") as tell:
        found, looked = extraction.look(album, pipeline, studies, tell)
    table = {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    policy = SimulatedPolicy(table, Recognition().target_fpir, DecisionPolicy().margin)
    effort = Effort(arguments.draws, arguments.seed, times=200)
    with progress("drawing") as tell:
        result = evaluate(found, policy, groups, effort, tell)
    return RecognitionReport(
        str(arguments.directory), store.template.id, album, looked, result, policy, effort, unknown
    )


def _print(report: "RecognitionReport") -> None:
    said = report.as_json()
    rejects = ", ".join(f"{count} {why}" for why, count in said["rejected"].items())
    print(
        f"{said['images']} pictures of {said['people']['all']} people, {said['detected']} with a face, "
        f"{said['accepted']} past the gate" + (f"; rejected: {rejects}" if rejects else "")
    )
    for why, count in said["left_out"].items():
        print(f"left out: {count} {why}")
    for file, what in said["unreadable"].items():
        print(f"unreadable: {file}: {what}")
    for far, (tar, cosine) in report.verification().items():
        print(f"TAR {100 * tar:.2f} % at FAR {far:g} (cosine {cosine:.3f})")
    if report.result.cells:
        print("FNIR, in brackets with every rejected picture as a miss:")
    for cell in report.result.cells:
        low, high = cell.interval or (float("nan"), float("nan"))
        print(
            f"  N {cell.size:>3}  FPIR {100 * cell.fpir:.1f} %  {cell.photos} enrolled, {cell.probes} probe"
            f"{'s' if cell.probes > 1 else ' '}  {100 * cell.missed.value:5.2f} % "
            f"({100 * cell.missed.with_rejects:5.2f} %)  95 %: {100 * low:.2f} to {100 * high:.2f} %  "
            f"threshold {cell.threshold:.3f}"
        )
    for one in report.result.shipped:
        if one.missed is not None and one.fpir is not None:
            print(
                f"as shipped, N {one.size}, {one.probes} probe{'s' if one.probes > 1 else ''}: threshold "
                f"{one.threshold:.3f} gives FPIR {100 * one.fpir:.2f} % and FNIR {100 * one.missed.value:.2f} % "
                f"({100 * one.missed.with_rejects:.2f} %)"
            )
    for name, group in report.result.groups.items():
        print(f"group {name}: {group.people} people, FNIR {_percent(group.fnir)}; FPIR {_percent(group.fpir)}")
    for line in report.warnings():
        print(f"note: {line}")


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.2f} %"


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("a whole number from 0")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError("a whole number from 1 to 1000")
    return value
