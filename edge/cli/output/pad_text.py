"""The figures of `evaluate-pad` as lines of text."""

from collections.abc import Iterator

from edge.domain.pad.verdict import Layer, Vote
from edge.evaluation.pad.dataset import REAL
from edge.evaluation.pad.metrics import Share, acer, worst
from edge.evaluation.pad.report import PadReport


def percent(value: float | None) -> str:
    """With two decimals, or that there was nothing to measure."""
    return "not measured" if value is None else f"{100 * value:.2f} %"


def certain(share: Share) -> str:
    """The exact interval of a share, and for a count of 0 the rule of three; empty for nothing measured."""
    if share.interval is None:
        return ""
    low, high = (f"{100 * bound:.2f}" for bound in share.interval)
    three = "" if share.rule_of_three is None else f"; rule of three: under {percent(share.rule_of_three)}"
    return f" (95 %: {low} to {high} %{three})"


def lines(report: PadReport) -> Iterator[str]:
    """The whole report."""
    yield from _counts(report)
    yield from _rates(report)
    yield from _recordings(report)
    yield from _impostors(report)
    yield from _layers(report)


def _counts(report: PadReport) -> Iterator[str]:
    tried = report.tried
    if report.folder.films:
        rate, (width, height) = report.sampling.rate, report.sampling.size
        yield f"films: {report.folder.films}, looked at {rate:g} times a second, {width}×{height} pixels"
    for kind in report.kinds:
        reasons = ", ".join(f"{count} {why}" for why, count in tried.rejected.get(kind, {}).items())
        yield (
            f"{kind}: {tried.images[kind]} pictures, {tried.detected[kind]} with a face, {tried.accepted[kind]} "
            f"past the gate, {len(report.of(kind))} attempts" + (f"; left out: {reasons}" if reasons else "")
        )
    for file, why in tried.unreadable.items():
        yield f"unreadable: {file}: {why}"
    if report.folder.other_files:
        yield f"{report.folder.other_files} files that are neither JPEG, PNG nor film, or in no kind's folder"


def _rates(report: PadReport) -> Iterator[str]:
    apcer, bpcer = report.apcer(), report.bpcer()
    for kind, share in apcer.items():
        row = report.worst_recording(kind)
        most = (
            ""
            if row is None
            else f"; most in one recording (ISO/IEC 30107-3): {percent(row.wrong.value)}, {row.name}"
        )
        yield f"APCER {kind}: {percent(share.value)} of {share.of}{certain(share)}{most}"
    for kind in report.simulated:
        share = report.passed(kind)
        yield f"passed of {kind}: {percent(share.value)} of {share.of} (drawn: it says what the layers cannot see)"
    yield f"BPCER: {percent(bpcer.value)} of {bpcer.of}{certain(bpcer)}"
    yield f"ACER: {percent(acer(worst(apcer), bpcer.value))}, at a mean probability of life of {report.threshold:g}"
    refused = report.with_rejects()
    yield (
        f"by picture, one without a verdict counted as refused: APCER {percent(worst(refused.apcer))}, "
        f"BPCER {percent(refused.bpcer.value)} of {refused.bpcer.of}"
    )
    for kind in report.folder.kinds:
        share = report.approaches(kind)
        if share.of:
            what = "refused" if kind == REAL else "accepted at some moment"
            yield f"approaches, {kind}: {what} {percent(share.value)} of {share.of}{certain(share)}"
    if report.tuned_on:
        for kind in report.folder.kinds:
            share = report.not_tuned_on(kind)
            rate = "BPCER" if kind == REAL else f"APCER {kind}"
            found = f"{percent(share.value)} of {share.of}" if share.of else "every recording was tuned on"
            yield f"not tuned on: {rate}: {found}{certain(share)}"


def _recordings(report: PadReport) -> Iterator[str]:
    yield from _table(
        ("recording", "errors", "attempts", "rate", "95 %", "approaches", "tuned on"),
        [
            (
                row.name,
                str(row.wrong.count),
                str(row.wrong.of),
                percent(row.wrong.value),
                ""
                if row.wrong.interval is None
                else "{:.1f} to {:.1f} %".format(*(100 * b for b in row.wrong.interval)),
                f"{row.approaches.count} of {row.approaches.of}",
                "yes" if row.tuned_on else "not said" if not report.tuned_on else "no",
            )
            for kind in report.folder.kinds
            for row in report.recordings(kind)
        ],
    )


def _impostors(report: PadReport) -> Iterator[str]:
    if report.people is None:
        return
    yield f"enrolled: {len(report.people.gallery.people)} people"
    for person, why in report.people.notes.items():
        yield f"{person}: {why}"
    if not any(row.person is not None for kind in report.attacks for row in report.recordings(kind)):
        yield (
            "no attack shows anybody enrolled, by its name: give each person's films a folder of their name "
            "(screen/ada/), or a table with --shows"
        )
    for kind in report.attacks:
        against = report.impostors(kind)
        if against is None:
            continue
        yield (
            f"IAPAR {kind}: {percent(against.iapar.value)} of {against.iapar.of}{certain(against.iapar)}; "
            f"recognised, live or not: {against.matched.count}; live and taken for somebody else: "
            f"{against.others}; attempts that show nobody enrolled: {against.unnamed}"
        )


def _layers(report: PadReport) -> Iterator[str]:
    rows = []
    for layer in Layer:
        for kind in report.kinds:
            said = report.layer(layer, kind)
            votes = [str(said.votes[vote]) for vote in (Vote.ATTACK, Vote.ABSTAIN, Vote.LIVE)]
            rows.append((layer, kind, *votes, str(said.only)))
    yield from _table(("layer", "kind", "attack", "abstains", "live", "refused by it alone"), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    yield ""
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
