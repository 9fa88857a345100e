"""The result of `evaluate` for programs: one JSON object. docs/cli.md names its keys."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from edge.evaluation.recognition.dataset import Album
from edge.evaluation.recognition.experiment import ALL, FARS, Cell, Effort, ExperimentResult, SimulatedPolicy
from edge.evaluation.recognition.extraction import Looked
from edge.evaluation.recognition.searches import FEWEST, MOST

GATES = (
    "Enrolled photographs passed the product's enrolment gate, probes its gate before matching. A picture that the "
    "latter refuses is a miss in each figure with rejects, at the same threshold. Life is not asked for."
)


@dataclass(frozen=True, slots=True)
class RecognitionReport:
    """Everything that a report says."""

    directory: str
    template: str
    """The id of the templates."""
    album: Album
    looked: Looked
    result: ExperimentResult
    policy: SimulatedPolicy
    effort: Effort
    unknown_in_groups: int
    """Rows of the groups' file that name nobody of the folder."""

    def as_json(self) -> dict[str, Any]:
        """All figures; rates are 0..1."""
        result, looked = self.result, self.looked
        return {
            "directory": self.directory,
            "template": self.template,
            "gates": GATES,
            "seed": self.effort.seed,
            "draws": self.effort.draws,
            "images": looked.images,
            "detected": looked.detected,
            "accepted": looked.images - looked.left_out.total() - looked.rejected.total(),
            "accepted_for_enrolment": looked.images - looked.left_out.total() - looked.rejected_enrolment.total(),
            "rejected": dict(looked.rejected.most_common()),
            "rejected_for_enrolment": dict(looked.rejected_enrolment.most_common()),
            "left_out": dict(looked.left_out) | dict(self.album.left_out),
            "unreadable": looked.unreadable,
            "people": {
                "all": len(self.album.people),
                f"with_{FEWEST}_or_more": len(result.parts.members),
                "strangers": len(result.parts.strangers) + result.parts.strangers_rejected,
                "strangers_accepted": len(result.parts.strangers),
                "neither": result.parts.between,
                "most_pictures_of_one": MOST,
            },
            "fnir": _nested(result.cells, lambda cell: cell.missed.value),
            "fnir_with_rejects": _nested(result.cells, lambda cell: cell.missed.with_rejects),
            "fnir_interval": _nested(result.cells, lambda cell: cell.interval),
            "probes": _nested(result.cells, lambda cell: cell.count),
            "tar": {f"{far:g}": tar for far, (tar, _) in self.verification().items()},
            "thresholds": self._thresholds(),
            "shipped": [asdict(one) for one in result.shipped],
            "worst": [asdict(one) for one in result.worst],
            "alike": [asdict(pair) for pair in result.alike],
            "mistaken": [asdict(pair) for pair in result.mistaken],
            "same_file": [list(names) for names in looked.two_names],
            "groups": {name: asdict(group) for name, group in result.groups.items()},
            "groups_unknown": self.unknown_in_groups,
        }

    def verification(self) -> dict[float, tuple[float, float]]:
        """FAR to TAR and its cosine, for every rate for which there are enough pairs."""
        found = {}
        for far in FARS:
            cosine = self.result.scores.threshold(far)
            tar = None if cosine is None else self.result.scores.tar(cosine)
            if cosine is not None and tar is not None:
                found[far] = (tar, cosine)
        return found

    def _thresholds(self) -> dict[str, Any]:
        """Cosines: of verification by FAR; by gallery size and FPIR, three photographs enrolled; and the table."""
        three = [cell for cell in self.result.cells if (cell.photos, cell.probes) == (3, 1)]
        by_size: dict[str, dict[str, float]] = {}
        for cell in three:
            by_size.setdefault(cell.size, {})[f"{cell.fpir:g}"] = cell.threshold
        return {
            "verification": {f"{far:g}": cosine for far, (_, cosine) in self.verification().items()},
            "identification": by_size,
            "fmr": {f"{far:g}": cosine for far, cosine in self.result.fmr.items()},
            "shipped_fmr": {f"{far:g}": cosine for far, cosine in self.policy.fmr_table.items()},
        }

    def cell(self, size: str, fpir: float, photos: int, probes: int) -> Cell | None:
        """One of the figures; None when the folder has too few pictures for it."""
        wanted = (size, fpir, photos, probes)
        return next((c for c in self.result.cells if (c.size, c.fpir, c.photos, c.probes) == wanted), None)

    def warnings(self) -> list[str]:
        """What a reader must know before a figure."""
        said = []
        if len(self.result.parts.members) < 2:
            said.append(f"identification takes at least two people with {FEWEST} photographs each")
        if not len(self.result.parts.strangers):
            said.append("identification takes strangers: people with one photograph")
        elif not self.result.cells:
            said.append("there are too few strangers for an FPIR of 1 %: at least 100 that pass the gate")
        elif self.cell(ALL, 0.001, 3, 1) is None:
            said.append("there are too few strangers for an FPIR of 0.1 %: at least 1000 that pass the gate")
        return said


def _nested(cells: Iterable[Cell], value: Callable[[Cell], object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cell in cells:
        by_photos = found.setdefault(cell.size, {}).setdefault(f"{cell.fpir:g}", {})
        by_photos.setdefault(str(cell.photos), {})[str(cell.probes)] = value(cell)
    return found
