"""What `evaluate` found, for people: one HTML file with its drawings inside, which fetches nothing."""

from collections.abc import Iterator, Mapping
from html import escape

from edge.evaluation.html import page, percent, table
from edge.evaluation.recognition import plots
from edge.evaluation.recognition.experiment import ALL, FPIRS, PHOTOS, PROBES, SIZES, Cell
from edge.evaluation.recognition.report import GATES, RecognitionReport
from edge.evaluation.recognition.searches import FEWEST, MOST

_LIMITS = (
    "An estimate for another camera, other light or other people: thresholds do not transfer between populations. "
    "A picture with a wrong name on it counts as an error here: look at the people and pairs above before you "
    "believe the rarest rates."
)


def render(report: RecognitionReport) -> str:
    """The whole page."""
    return page(
        "Recognition, measured",
        [
            *(f"<p>{escape(line)}</p>" for line in (_method(report), GATES, *report.warnings())),
            "<h2>Identification: FNIR</h2>",
            "<p>With every rejected picture as a miss in brackets; then the 95 % interval.</p>",
            *_fnir(report),
            *plots.det(report.result.curves, report.result.scores),
            "<h2>Thresholds</h2>",
            *_thresholds(report),
            "<h2>Verification</h2>",
            *table(
                ("FAR", "TAR", "cosine"),
                (
                    (f"{far:g}", percent(tar), f"{cosine:.3f}")
                    for far, (tar, cosine) in report.verification().items()
                ),
            ),
            *plots.scores(report.result.scores),
            "<h2>Pictures</h2>",
            *table(("", "pictures"), _pictures(report)),
            *_standouts(report),
            "<h2>What this is not</h2>",
            f"<p>{_LIMITS}</p>",
        ],
        width_em=64,
    )


def _method(report: RecognitionReport) -> str:
    parts = report.result.parts
    return (
        f"Templates {report.template}; {len(parts.members)} people with at least {FEWEST} pictures enrolled, "
        f"{len(parts.strangers)} strangers with one that passed the gate; {report.effort.draws} draws from seed "
        f"{report.effort.seed}, at most {MOST} pictures of a person in each."
    )


def _fnir(report: RecognitionReport) -> Iterator[str]:
    head = ["people enrolled", "photographs, probes", *(f"FPIR {100 * fpir:g} %" for fpir in FPIRS)]
    rows = []
    for size in [*map(str, SIZES), ALL]:
        for photos in PHOTOS:
            for probes in PROBES:
                cells = [report.cell(size, fpir, photos, probes) for fpir in FPIRS]
                if any(cells):
                    what = f"{photos} enrolled, {probes} probe{'s' if probes > 1 else ''}"
                    rows.append((size, what, *map(_cell, cells)))
    return table(head, rows)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    said = f"{percent(cell.missed.value)} ({percent(cell.missed.with_rejects)})"
    low, high = cell.interval or (None, None)
    return said if low is None else f"{said} {percent(low)} to {percent(high)}"


def _thresholds(report: RecognitionReport) -> Iterator[str]:
    """What to ask for, by gallery size, and what the shipped threshold would have done."""
    said = report.as_json()["thresholds"]
    sizes: Mapping[str, Mapping[str, float]] = said["identification"]
    head = ["people enrolled", *(f"FPIR {100 * fpir:g} %" for fpir in FPIRS)]
    rows = [
        (size, *(f"{found[f'{fpir:g}']:.3f}" if f"{fpir:g}" in found else "-" for fpir in FPIRS))
        for size, found in sizes.items()
    ]
    yield from table(head, rows)
    yield "<p>As shipped, three photographs enrolled:</p>"
    yield from table(
        ("people enrolled", "probes", "threshold", "FPIR", "FNIR", "with rejects"),
        (
            (
                one.size,
                str(one.probes),
                f"{one.threshold:.3f}",
                percent(one.fpir),
                percent(None if one.missed is None else one.missed.value),
                percent(None if one.missed is None else one.missed.with_rejects),
            )
            for one in report.result.shipped
        ),
    )


def _pictures(report: RecognitionReport) -> Iterator[tuple[str, str]]:
    said = report.as_json()
    for what in ("images", "detected", "accepted", "accepted_for_enrolment"):
        yield what.replace("_", " "), str(said[what])
    for title, key in (("rejected", "rejected"), ("rejected for enrolment", "rejected_for_enrolment")):
        yield from ((f"{title}: {why}", str(count)) for why, count in said[key].items())
    yield from ((f"left out: {why}", str(count)) for why, count in said["left_out"].items())
    yield from ((f"unreadable: {file}: {why}", "1") for file, why in said["unreadable"].items())


def _standouts(report: RecognitionReport) -> Iterator[str]:
    result = report.result
    yield f"<h2>Missed most, everybody enrolled, at FPIR {100 * result.standard_fpir:g} %</h2>"
    yield from table(
        ("person", "missed", "probes"), ((one.person, percent(one.share), str(one.probes)) for one in result.worst)
    )
    for title, pairs in (
        ("Most alike of those enrolled: relatives, or two names for one person?", result.alike),
        ("Strangers most like somebody enrolled: they set the thresholds", result.mistaken),
    ):
        yield f"<h2>{title}</h2>"
        yield from table(
            ("one", "other", "cosine"), ((pair.one, pair.other, f"{pair.cosine:.3f}") for pair in pairs)
        )
    if report.looked.two_names:
        yield "<h2>The very same file under two names</h2>"
        yield from table(("names",), ((", ".join(names),) for names in report.looked.two_names))
    if result.groups:
        yield f"<h2>Groups, at FPIR {100 * result.standard_fpir:g} % for everybody</h2>"
        yield from table(
            ("group", "people", "FNIR", "strangers", "FPIR"),
            (
                (name, str(group.people), percent(group.fnir), str(group.strangers), percent(group.fpir))
                for name, group in result.groups.items()
            ),
        )
