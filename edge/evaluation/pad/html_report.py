"""What `evaluate-pad` found, for people: one HTML file with its drawings inside, which fetches nothing."""

from collections.abc import Iterator

import numpy as np

from edge.domain.pad.verdict import Layer, Vote
from edge.evaluation import html
from edge.evaluation.drawing import Drawing, error_rates
from edge.evaluation.html import percent
from edge.evaluation.pad.breakdown import saw_attack
from edge.evaluation.pad.dataset import REAL
from edge.evaluation.pad.metrics import Share, acer, worst
from edge.evaluation.pad.report import PadReport

_MOST_ERRORS = 200
"""Most rows about single attempts; the JSON has all of them."""


def render(report: PadReport) -> str:
    """The whole page."""
    return html.render(
        "pad.html",
        method=list(_method(report)),
        rates=_rates(report),
        recordings=_recordings(report),
        tuned=list(_tuned(report)),
        impostors=list(_impostors(report)),
        layers=_layers(report),
        errors=list(_errors(report)),
        rejects=_rejects(report),
        det=_det(report),
    )


def _method(report: PadReport) -> Iterator[str]:
    width, height = report.sampling.size
    video = (
        "each picture alone"
        if report.fps is None
        else f"attempts of {report.frames} frames of videos at {report.fps:g} a second"
    )
    if report.folder.films:
        films = f"{report.folder.films} films in attempts of {report.frames} frames"
        video += f"; {films}, looked at {report.sampling.rate:g} times a second at {width}×{height} pixels"
    yield f"Models {', '.join(report.models)}; {video}; live from a mean probability of {report.threshold:g}."
    for file, why in report.tried.unreadable.items():
        yield f"Unreadable: {file}: {why}"
    if report.people is not None:
        yield f"Enrolled: {len(report.people.gallery.people)} people."
        for person, why in report.people.notes.items():
            yield f"{person}: {why}"


def _rates(report: PadReport) -> Iterator[tuple[str, ...]]:
    apcer, bpcer = report.apcer(), report.bpcer()
    for kind, share in apcer.items():
        yield f"APCER, {kind}", *_share(share)
        row = report.worst_recording(kind)
        if row is not None:
            yield f"APCER, {kind}, as ISO/IEC 30107-3 has it: most in one recording, {row.name}", *_share(row.wrong)
    if REAL in report.kinds:
        yield "BPCER", *_share(bpcer)
    every = report.with_rejects()
    words = "every picture, one without a verdict counted as refused"
    for kind, share in every.apcer.items():
        yield f"APCER, {kind}: {words}", *_share(share)
    if REAL in report.kinds:
        yield f"BPCER: {words}", *_share(every.bpcer)
    for kind in report.folder.kinds:
        whole = report.approaches(kind)
        if whole.of:
            yield f"approaches, {kind}: {'refused' if kind == REAL else 'accepted at some moment'}", *_share(whole)
    for kind in report.simulated:
        yield f"passed, {kind}", *_share(report.passed(kind))
    yield "ACER", "", "", percent(acer(worst(apcer), bpcer.value)), "", ""


def _share(share: Share) -> tuple[str, str, str, str, str]:
    low, high = share.interval or (None, None)
    interval = "" if low is None else f"{percent(low)} to {percent(high)}"
    three = "" if share.rule_of_three is None else f"under {percent(share.rule_of_three)}"
    return str(share.count), str(share.of), percent(share.value), interval, three


def _recordings(report: PadReport) -> Iterator[tuple[str, ...]]:
    for kind in report.folder.kinds:
        for row in report.recordings(kind):
            tuned = "yes" if row.tuned_on else "no" if report.tuned_on else "not said"
            approaches = f"{row.approaches.count} of {row.approaches.of}"
            yield row.name, row.person or "", *_share(row.wrong), approaches, tuned


def _tuned(report: PadReport) -> Iterator[tuple[str, ...]]:
    if report.tuned_on:
        for kind in report.folder.kinds:
            yield "BPCER" if kind == REAL else f"APCER, {kind}", *_share(report.not_tuned_on(kind))


def _impostors(report: PadReport) -> Iterator[tuple[str, ...]]:
    for kind in report.attacks:
        against = report.impostors(kind)
        if against is not None:
            counts = str(against.matched.count), str(against.others), str(against.unnamed)
            yield f"IAPAR, {kind}", *_share(against.iapar), *counts


def _layers(report: PadReport) -> Iterator[tuple[str, ...]]:
    for layer in Layer:
        for kind in report.kinds:
            said = report.layer(layer, kind)
            votes = (str(said.votes[vote]) for vote in (Vote.ATTACK, Vote.ABSTAIN, Vote.LIVE))
            yield f"{layer}, {kind}", *votes, str(said.only)


def _errors(report: PadReport) -> Iterator[tuple[str, ...]]:
    for attempt in report.judged_wrongly()[:_MOST_ERRORS]:
        what = "passed" if attempt.verdict.live else ", ".join(saw_attack(attempt))
        at_s, liveness = f"{attempt.at_ms / 1000:.1f} s", f"{attempt.verdict.liveness:.2f}"
        yield attempt.recording, attempt.file.name, at_s, liveness, what, attempt.taken_for or ""


def _rejects(report: PadReport) -> Iterator[tuple[str, ...]]:
    for kind, reasons in report.tried.rejected.items():
        for reason, count in reasons.most_common():
            yield kind, reason, str(count)
    yield "(any)", "neither JPEG, PNG nor film", str(report.folder.other_files)


def _det(report: PadReport) -> Drawing:
    points = report.det()
    if not points:
        return Drawing("There is no curve: it takes genuine faces and attacks.")
    # The curve changes at its points alone: the shipped threshold is on the first one at or above it.
    here = next((point for point in points if point.threshold >= report.threshold), points[-1])
    rates = np.array([(point.apcer, point.bpcer) for point in points])
    curve = {"": (rates[:, 0], rates[:, 1])}
    return error_rates("APCER of the worst kind", "BPCER", curve, (here.apcer, here.bpcer))
