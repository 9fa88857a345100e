"""The result of `evaluate-pad` for programs: one JSON object. docs/cli.md names its keys."""

from edge.domain.pad.verdict import Layer, Vote
from edge.evaluation.pad.attempts import Attempt
from edge.evaluation.pad.breakdown import RecordingFigures, saw_attack
from edge.evaluation.pad.dataset import REAL
from edge.evaluation.pad.metrics import Share, acer, eer, worst
from edge.evaluation.pad.report import PadReport


def figures(report: PadReport) -> dict[str, object]:
    """All figures; rates are 0..1, and None (null) where there was nothing to measure."""
    apcer, bpcer, points = report.apcer(), report.bpcer(), report.det()
    tried, kinds, refused = report.tried, report.kinds, report.with_rejects()
    return {
        "schema": 1,
        "models": list(report.models),
        "threshold": report.threshold,
        "frames": report.frames,
        "fps": report.fps,
        "films": {"count": report.folder.films, "rate": report.sampling.rate, "size": list(report.sampling.size)},
        "images": {kind: tried.images[kind] for kind in kinds},
        "detected": {kind: tried.detected[kind] for kind in kinds},
        "accepted": {kind: tried.accepted[kind] for kind in kinds},
        "rejected": {kind: dict(tried.rejected.get(kind, {})) for kind in kinds},
        "unreadable": {str(file): why for file, why in tried.unreadable.items()},
        "other_files": report.folder.other_files,
        "attempts": {kind: len(report.of(kind)) for kind in kinds},
        "apcer": {kind: share.value for kind, share in apcer.items()},
        "apcer_worst": worst(apcer),
        "bpcer": bpcer.value,
        "acer": acer(worst(apcer), bpcer.value),
        "interval": {
            "apcer": {kind: share.interval for kind, share in apcer.items()},
            "bpcer": bpcer.interval,
        },
        "rule_of_three": {
            "apcer": {kind: share.rule_of_three for kind, share in apcer.items()},
            "bpcer": bpcer.rule_of_three,
        },
        "eer": eer(points),
        "simulated": {kind: report.passed(kind).value for kind in report.simulated},
        "with_rejects": {
            "apcer": {kind: share.value for kind, share in refused.apcer.items()},
            "bpcer": refused.bpcer.value,
        },
        "approaches": {kind: _share(report.approaches(kind)) for kind in report.folder.kinds},
        "not_tuned_on": {kind: _share(report.not_tuned_on(kind)) for kind in report.folder.kinds},
        "recordings": [_recording(row) for kind in report.folder.kinds for row in report.recordings(kind)],
        "worst_recording": {
            kind: None if (row := report.worst_recording(kind)) is None else _recording(row)
            for kind in report.folder.kinds
        },
        "iapar": _impostors(report),
        "layers": {str(layer): _layer(report, layer) for layer in Layer},
        "errors": [_error(attempt) for attempt in report.judged_wrongly()],
        "det": [[point.threshold, point.apcer, point.bpcer] for point in points],
    }


def _share(share: Share) -> dict[str, object]:
    return {
        "errors": share.count,
        "of": share.of,
        "rate": share.value,
        "interval": share.interval,
        "rule_of_three": share.rule_of_three,
    }


def _recording(row: RecordingFigures) -> dict[str, object]:
    return {
        "name": row.name,
        "kind": row.kind,
        "person": row.person,
        "tuned_on": row.tuned_on,
        **_share(row.wrong),
        "approaches": _share(row.approaches),
    }


def _impostors(report: PadReport) -> dict[str, object] | None:
    if report.people is None:
        return None
    found: dict[str, object] = {}
    for kind in report.attacks:
        against = report.impostors(kind)
        if against is not None:
            found[kind] = {
                **_share(against.iapar),
                "matched": against.matched.value,
                "others": against.others,
                "unnamed": against.unnamed,
            }
    return {
        "people": len(report.people.gallery.people),
        "notes": dict(report.people.notes),
        "threshold": report.people.threshold,
        "kinds": found,
    }


def _layer(report: PadReport, layer: Layer) -> dict[str, object]:
    said = {kind: report.layer(layer, kind) for kind in report.kinds}

    def share(kind: str, *which: Vote) -> float | None:
        votes = said[kind].votes
        return Share(sum(votes[vote] for vote in which), votes.total()).value

    return {
        # A layer that abstains would pass the attempt if it were alone.
        "apcer": {kind: share(kind, Vote.LIVE, Vote.ABSTAIN) for kind in report.attacks},
        "simulated": {kind: share(kind, Vote.LIVE, Vote.ABSTAIN) for kind in report.simulated},
        "bpcer": share(REAL, Vote.ATTACK) if REAL in said else None,
        "abstained": {kind: share(kind, Vote.ABSTAIN) for kind in said},
        "votes": {
            kind: {**{str(vote): one.votes[vote] for vote in Vote}, "only": one.only} for kind, one in said.items()
        },
    }


def _error(attempt: Attempt) -> dict[str, object]:
    return {
        "recording": attempt.recording,
        "file": str(attempt.file),
        "at_ms": attempt.at_ms,
        "liveness": attempt.verdict.liveness,
        "saw_attack": saw_attack(attempt),
        "taken_for": attempt.taken_for,
    }
