"""What `evaluate-pad` found, for people: one HTML file with its drawings inside, which fetches nothing."""

from collections.abc import Iterator
from html import escape
from math import log10

from edge.domain.pad.fusion import Layer, Vote
from edge.evaluation.html import page, percent, table
from edge.evaluation.pad.dataset import REAL
from edge.evaluation.pad.metrics import Point, Share, acer, worst
from edge.evaluation.pad.report import PadReport

_SIDE, _EDGE, _FLOOR = 420, 50, -4
"""Of the drawing: its side and margin in pixels, and the power of ten at which its axes begin."""
_LIMITS = (
    "An estimate for attacks that are not in the folder, or for another camera and light: "
    "APCER is reported by kind because no mean over kinds says anything about the next one."
)


def render(report: PadReport) -> str:
    """The whole page."""
    return page(
        "Presentation attack detection",
        [
            f"<p>{escape(_method(report))}</p>",
            "<h2>Error rates</h2>",
            *table(("", "errors", "attempts", "rate", "95 % interval"), _rates(report)),
            "<h2>Layers</h2>",
            *table(("layer and kind", "live", "attack", "abstains"), _layers(report)),
            "<h2>What came to no verdict</h2>",
            *table(("kind", "reason", "pictures"), _rejects(report)),
            "<h2>DET</h2>",
            *_det(report.det(), report.threshold),
            "<h2>What this is not</h2>",
            f"<p>{_LIMITS}</p>",
        ],
        width_em=60,
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


def _det(points: list[Point], shipped: float) -> Iterator[str]:
    if not points:
        yield "<p>There is no curve: it takes genuine faces and attacks.</p>"
        return
    yield f'<svg viewBox="0 0 {_SIDE} {_SIDE}" width="{_SIDE}" height="{_SIDE}" role="img" aria-label="DET">'
    for power in range(_FLOOR, 1):
        at, label = _along(10.0**power), f"{100 * 10.0**power:g} %"
        yield f'<path d="M{at:.1f} {_SIDE - _EDGE}V10M{_EDGE} {_SIDE - at:.1f}H{_SIDE - 10}" stroke="#ddd"/>'
        yield f'<text x="{at:.1f}" y="{_SIDE - _EDGE + 16}" text-anchor="middle">{label}</text>'
        yield f'<text x="{_EDGE - 4}" y="{_SIDE - at + 4:.1f}" text-anchor="end">{label}</text>'
    line = " ".join(f"{_along(point.apcer):.1f},{_SIDE - _along(point.bpcer):.1f}" for point in points)
    yield f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="2"/>'
    # The curve changes at its points alone: the shipped threshold is on the first one at or above it.
    here = next((point for point in points if point.threshold >= shipped), points[-1])
    yield f'<circle cx="{_along(here.apcer):.1f}" cy="{_SIDE - _along(here.bpcer):.1f}" r="5" fill="#c30"/>'
    yield f'<text x="{_SIDE / 2}" y="{_SIDE - 8}" text-anchor="middle">APCER of the worst kind</text>'
    yield f'<text transform="translate(12 {_SIDE / 2}) rotate(-90)" text-anchor="middle">BPCER</text></svg>'
    yield "<p>The dot is the shipped threshold. No error at all is drawn at the axes' beginning.</p>"


def _along(rate: float) -> float:
    """Pixels from the drawing's edge, on a logarithmic scale."""
    return _EDGE + (max(log10(max(rate, 1e-9)), _FLOOR) - _FLOOR) / -_FLOOR * (_SIDE - _EDGE - 10)
