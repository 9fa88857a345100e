"""Variants of recognition, side by side: `python -m edge.evaluation.recognition.ablation DIR --work DIR`.

Each line is one change of the shipped product: the same pictures, draws and figures as `smartclocker evaluate`, as
a table for docs/facts.md. It needs no other embeddings than the product's: a joined vector still holds both parts.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

import numpy as np

from edge.domain.face import Floats
from edge.domain.recognition.quality import ENROLMENT_LIMITS, QualityLimits
from edge.evaluation.recognition.dataset import read_album
from edge.evaluation.recognition.extraction import PRODUCT, ExtractedFaces, Gates, look
from edge.evaluation.recognition.extraction_cache import Studies
from edge.evaluation.recognition.metrics import mean_missed
from edge.evaluation.recognition.searches import Compare, as_the_product, cast, searches, with_common
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline

_CELLS = ((None, 3, 1), (None, 3, 3), (200, 1, 1))
"""People (None: all), photographs, probes."""
_FPIRS = (0.01, 0.003, 0.001)
_SHIPPED_DEMAND = 0.1
Change = Callable[[ExtractedFaces], ExtractedFaces]


@dataclass(frozen=True, slots=True)
class Variant:
    """One change."""

    name: str
    change: Change = lambda faces: faces
    gates: Gates = PRODUCT
    compare: Compare = as_the_product


def joined(weights: tuple[float, float], split: int) -> Change:
    """Other weights of the two embedders; (1, 0) is the first alone. `split` is the length of its vector."""

    def weigh(rows: Floats) -> Floats:
        parts = (rows[:, :split], rows[:, split:])
        units = [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9) for part in parts]
        return np.concatenate([unit * sqrt(w) for unit, w in zip(units, weights, strict=True)], axis=1)

    return lambda faces: replace(faces, probe=weigh(faces.probe), template=weigh(faces.template))


def demanding(slope: float) -> Change:
    """Another slope of the threshold over a face's strength."""
    return lambda faces: replace(faces, demand=faces.demand * np.float32(slope / _SHIPPED_DEMAND))


def plain_templates(faces: ExtractedFaces) -> ExtractedFaces:
    """Enrolled without the mirror image."""
    return replace(faces, template=faces.probe)


def mirrored_probes(faces: ExtractedFaces) -> ExtractedFaces:
    """Probes with the mirror image, too: every frame at twice the embedder's cost."""
    return replace(faces, probe=faces.template)


def with_best(probes: Floats, templates: Sequence[Floats]) -> Floats:
    """The most similar of a person's templates instead of their mean."""
    return np.stack([(probes @ rows.T).max(axis=1) for rows in templates], axis=1)


def against_cohort(count: int, share: float) -> Compare:
    """Less a share of the mean similarity to the `count` next people: the threshold is raised for a face that is
    similar to everybody.
    """

    def compare(probes: Floats, templates: Sequence[Floats]) -> Floats:
        scores = with_common(probes, templates)
        others = np.sort(scores, axis=1)[:, ::-1][:, 1 : 1 + count]
        return np.asarray(scores - share * others.mean(axis=1, keepdims=True), np.float32)

    return compare


def standardised(probes: Floats, templates: Sequence[Floats]) -> Floats:
    """Z-norm: in standard deviations of the probe's likeness to everybody but the best, squeezed into ±1."""
    scores = with_common(probes, templates)
    others = np.sort(scores, axis=1)[:, :-1]
    return np.asarray((scores - others.mean(1, keepdims=True)) / others.std(1, keepdims=True) / 20, np.float32)


def variants(split: int) -> Iterator[Variant]:
    """All variants that can be computed from the joined vectors."""
    yield Variant("**shipped**")
    yield Variant("MobileFaceNet alone", joined((1, 0), split))
    yield Variant("fr-feature alone", joined((0, 1), split))
    for share in (0.3, 0.4, 0.6, 0.7):
        yield Variant(f"joined {share:g} : {1 - share:g}", joined((share, 1 - share), split))
    yield Variant("enrolled without mirror images", plain_templates)
    yield Variant("probes mirrored, too", mirrored_probes)
    for slope in (0.0, 0.05, 0.15, 0.2):
        yield Variant(f"demand {slope:g}", demanding(slope))
    yield Variant("no cohort, and the best template, not the common one", compare=with_best)
    yield Variant("no cohort", compare=with_common)
    yield Variant("less 0.3 of the next 10 people's mean", compare=against_cohort(10, 0.3))
    yield Variant("less 0.6 of the next 30 people's mean", compare=against_cohort(30, 0.6))
    yield Variant("z-norm over the gallery", compare=standardised)
    loose = QualityLimits()
    yield Variant("the gate before matching enrols, too", gates=(loose, loose))
    yield Variant("yaw to 35°, pitch to 25°", gates=(replace(loose, yaw=35, pitch=25), ENROLMENT_LIMITS))
    yield Variant(
        "yaw to 60°, pitch and roll to 40°", gates=(replace(loose, yaw=60, pitch=40, roll=40), ENROLMENT_LIMITS)
    )
    yield Variant("the enrolment gate for probes, too", gates=(ENROLMENT_LIMITS, ENROLMENT_LIMITS))


def figures(faces: ExtractedFaces, variant: Variant, draws: int, seed: int) -> Iterator[str]:
    """FNIR in % at each FPIR, with the FNIR including rejects in brackets, for each cell of the table."""
    parts = cast(faces)
    for size, photos, probes in _CELLS:
        drawn = list(
            searches(
                faces,
                parts,
                size=min(size or len(parts.members), len(parts.members)),
                photos=photos,
                probes=probes,
                draws=draws,
                seed=seed,
                compare=variant.compare,
            )
        )
        found = [mean_missed(drawn, fpir) for fpir in _FPIRS]
        values = " / ".join("-" if one is None else f"{100 * one[0].value:.2f}" for one in found)
        first = "-" if found[0] is None else f"{100 * found[0][0].with_rejects:.1f}"
        yield f"{values} ({first})"


def slopes(faces: ExtractedFaces) -> tuple[float, float]:
    """Cosine for a unit of strength: to one's own template, and to the most similar stranger's.

    Probes are compared with templates of three other photographs; least squares.
    """
    rows = [pictures[faces.enrollable[pictures]][:3] for pictures in cast(faces).members]
    rows = [mine for mine in rows if len(mine) == 3]
    tries = np.setdiff1d(np.flatnonzero(faces.matchable), np.concatenate(rows))
    scores = with_common(faces.probe[tries], [faces.template[mine] for mine in rows])
    same = faces.person[tries][:, None] == np.array([faces.person[mine[0]] for mine in rows])[None]
    strength = faces.demand[tries] / _SHIPPED_DEMAND
    own = same.any(axis=1)
    other = np.where(same, -1, scores).max(axis=1)
    return (
        float(np.polyfit(strength[own], scores[own].max(axis=1, where=same[own], initial=-1), 1)[0]),
        float(np.polyfit(strength, other, 1)[0]),
    )


def main(words: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m edge.evaluation.recognition.ablation", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    store = ModelStore(models_directory())
    pipeline, album = Pipeline(store, QualityLimits()), read_album(arguments.directory)
    split = store.spec("embedder").output[0].shape[1]
    print("| variant | all, 3 enrolled, 1 probe | all, 3 enrolled, 3 probes | N 200, 1 enrolled, 1 probe |")
    print("|---|---|---|---|")
    with Studies(arguments.work, store.fingerprint()) as studies:
        for variant in variants(split):
            faces, _ = look(album, pipeline, studies, lambda _done, _all: None, variant.gates)
            row = figures(variant.change(faces), variant, arguments.draws, arguments.seed)
            print("| " + " | ".join([variant.name, *row]) + " |", flush=True)
        faces, _ = look(album, pipeline, studies, lambda _done, _all: None)
    own, other = slopes(faces)
    print(
        f"\na unit of strength: {own:.2f} of cosine to the own template, {other:.2f} to the most alike stranger's"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
