"""What `evaluate` found, for people: one HTML file with its drawings inside, which fetches nothing."""

from collections.abc import Iterable, Iterator, Mapping

from edge.evaluation import html
from edge.evaluation.html import percent
from edge.evaluation.recognition import plots
from edge.evaluation.recognition.experiment import ALL, FPIRS, PHOTOS, PROBES, SIZES, Cell
from edge.evaluation.recognition.outliers import Pair
from edge.evaluation.recognition.report import GATES, RecognitionReport
from edge.evaluation.recognition.searches import FEWEST, MOST

_Rows = Iterator[tuple[str, ...]]


def render(report: RecognitionReport) -> str:
    """The whole page."""
    result = report.result
    return html.render(
        "recognition.html",
        method=(_method(report), GATES, *report.warnings()),
        fpirs=[f"FPIR {100 * fpir:g} %" for fpir in FPIRS],
        standard_fpir=f"{100 * result.standard_fpir:g} %",
        fnir=_fnir(report),
        det=plots.det(result.curves, result.scores),
        thresholds=_thresholds(report),
        shipped=_shipped(report),
        verification=(
            (f"{far:g}", percent(tar), f"{cosine:.3f}") for far, (tar, cosine) in report.verification().items()
        ),
        scores=plots.scores(result.scores),
        pictures=_pictures(report),
        worst=((one.person, percent(one.share), str(one.probes)) for one in result.worst),
        alike=_pairs(result.alike),
        mistaken=_pairs(result.mistaken),
        two_names=[(", ".join(names),) for names in report.looked.two_names],
        groups=[
            (name, str(group.people), percent(group.fnir), str(group.strangers), percent(group.fpir))
            for name, group in result.groups.items()
        ],
    )


def _method(report: RecognitionReport) -> str:
    parts = report.result.parts
    return (
        f"Templates {report.template}; {len(parts.members)} people with at least {FEWEST} pictures enrolled, "
        f"{len(parts.strangers)} strangers with one that passed the gate; {report.effort.draws} draws from seed "
        f"{report.effort.seed}, at most {MOST} pictures of a person in each."
    )


def _fnir(report: RecognitionReport) -> _Rows:
    for size in [*map(str, SIZES), ALL]:
        for photos in PHOTOS:
            for probes in PROBES:
                cells = [report.cell(size, fpir, photos, probes) for fpir in FPIRS]
                if any(cells):
                    what = f"{photos} enrolled, {probes} probe{'s' if probes > 1 else ''}"
                    yield (size, what, *map(_cell, cells))


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    said = f"{percent(cell.missed.value)} ({percent(cell.missed.with_rejects)})"
    low, high = cell.interval or (None, None)
    return said if low is None else f"{said} {percent(low)} to {percent(high)}"


def _thresholds(report: RecognitionReport) -> _Rows:
    """What to ask for, by gallery size."""
    sizes: Mapping[str, Mapping[str, float]] = report.as_json()["thresholds"]["identification"]
    for size, found in sizes.items():
        yield (size, *(f"{found[f'{fpir:g}']:.3f}" if f"{fpir:g}" in found else "-" for fpir in FPIRS))


def _shipped(report: RecognitionReport) -> _Rows:
    """What the shipped threshold would have done."""
    for one in report.result.shipped:
        yield (
            one.size,
            str(one.probes),
            f"{one.threshold:.3f}",
            percent(one.fpir),
            percent(None if one.missed is None else one.missed.value),
            percent(None if one.missed is None else one.missed.with_rejects),
        )


def _pictures(report: RecognitionReport) -> _Rows:
    said = report.as_json()
    for what in ("images", "detected", "accepted", "accepted_for_enrolment"):
        yield what.replace("_", " "), str(said[what])
    for title, key in (("rejected", "rejected"), ("rejected for enrolment", "rejected_for_enrolment")):
        yield from ((f"{title}: {why}", str(count)) for why, count in said[key].items())
    yield from ((f"left out: {why}", str(count)) for why, count in said["left_out"].items())
    yield from ((f"unreadable: {file}: {why}", "1") for file, why in said["unreadable"].items())


def _pairs(pairs: Iterable[Pair]) -> _Rows:
    return ((pair.one, pair.other, f"{pair.cosine:.3f}") for pair in pairs)
