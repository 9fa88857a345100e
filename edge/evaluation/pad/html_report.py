"""What `evaluate-pad` found, for people: one HTML file with its drawings inside, which fetches nothing."""

from collections.abc import Iterator

import numpy as np

from edge.domain.pad.verdict import Layer, Vote
from edge.evaluation import html
from edge.evaluation.drawing import Drawing, error_rates
from edge.evaluation.html import percent
from edge.evaluation.pad.dataset import REAL
from edge.evaluation.pad.metrics import Share, acer, worst
from edge.evaluation.pad.report import PadReport


def render(report: PadReport) -> str:
    """The whole page."""
    return html.render(
        "pad.html",
        method=_method(report),
        rates=_rates(report),
        layers=_layers(report),
        rejects=_rejects(report),
        det=_det(report),
    )


def _method(report: PadReport) -> str:
    video = (
        "each picture alone"
        if report.fps is None
        else f"attempts of {report.frames} frames of videos at {report.fps:g} a second"
    )
    return f"Models {', '.join(report.models)}; {video}; live from a mean probability of {report.threshold:g}."


def _rates(report: PadReport) -> Iterator[tuple[str, ...]]:
    apcer, bpcer = report.apcer(), report.bpcer()
    for kind, share in apcer.items():
        yield f"APCER, {kind}", *_share(share)
    if REAL in report.kinds:
        yield "BPCER", *_share(bpcer)
    every = report.with_rejects()
    words = "every picture, one without a verdict counted as refused"
    for kind, share in every.apcer.items():
        yield f"APCER, {kind}: {words}", *_share(share)
    if REAL in report.kinds:
        yield f"BPCER: {words}", *_share(every.bpcer)
    for kind in report.simulated:
        yield f"passed, {kind}", *_share(report.passed(kind))
    yield "ACER", "", "", percent(acer(worst(apcer), bpcer.value)), ""


def _share(share: Share) -> tuple[str, str, str, str]:
    low, high = share.interval or (None, None)
    interval = "" if low is None else f"{percent(low)} to {percent(high)}"
    return str(share.count), str(share.of), percent(share.value), interval


def _layers(report: PadReport) -> Iterator[tuple[str, ...]]:
    for layer in Layer:
        for kind in report.kinds:
            said = report.votes(layer, kind)
            yield f"{layer}, {kind}", *(str(said[vote]) for vote in (Vote.LIVE, Vote.ATTACK, Vote.ABSTAIN))


def _rejects(report: PadReport) -> Iterator[tuple[str, ...]]:
    for kind, reasons in report.tried.rejected.items():
        for reason, count in reasons.most_common():
            yield kind, reason, str(count)
    yield "(any)", "neither JPEG nor PNG", str(report.folder.other_files)


def _det(report: PadReport) -> Drawing:
    points = report.det()
    if not points:
        return Drawing("There is no curve: it takes genuine faces and attacks.")
    # The curve changes at its points alone: the shipped threshold is on the first one at or above it.
    here = next((point for point in points if point.threshold >= report.threshold), points[-1])
    rates = np.array([(point.apcer, point.bpcer) for point in points])
    curve = {"": (rates[:, 0], rates[:, 1])}
    return error_rates("APCER of the worst kind", "BPCER", curve, (here.apcer, here.bpcer))
