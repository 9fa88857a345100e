"""The threshold when strangers try often: `python -m edge.evaluation.recognition.strictness DIR --work DIR`.

Everybody of a folder who can be enrolled is enrolled, as `smartclocker evaluate` does it. The figures say how many
strangers are taken for somebody, and how many enrolled people are missed, at the terminal's own threshold and a
decade beyond it (docs/adr/0011-attempts.md).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edge.domain.face import Floats
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.gallery import decade, threshold
from edge.domain.recognition.quality import QualityLimits
from edge.evaluation.recognition.dataset import read_album
from edge.evaluation.recognition.extraction import ExtractedFaces, look
from edge.evaluation.recognition.extraction_cache import Studies
from edge.evaluation.recognition.searches import FUSED, cast, searches
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline

TARGET = 0.001
"""FPIR, as `recognition.target_fpir` has it by default."""
SIZES = (50, 100, 200, None)
"""Number of people enrolled; None: all."""
_TOLD = (0.1, 1.0, 10.0, 50.0)
"""Percentiles of how far the enrolled people are above the threshold."""


def rows(faces: ExtractedFaces, fmr: dict[float, float], draws: int, seed: int) -> Iterator[Sequence[str]]:
    """One line for each size: people, threshold, FPIR and FNIR there and a decade beyond, percentiles of the
    enrolled people.
    """
    parts, margin, beyond = cast(faces), DecisionPolicy().margin, decade(fmr)
    for size in SIZES:
        people = min(size or len(parts.members), len(parts.members))
        drawn = list(searches(faces, parts, size=people, photos=3, probes=FUSED, draws=draws, seed=seed))
        asked = threshold(people, fmr, TARGET)
        own = np.concatenate([_passing(one.score, one.margin, margin) for one in drawn])
        others = np.concatenate([_passing(one.stranger, one.stranger_margin, margin) for one in drawn])
        rates = [
            f"{100 * float((others >= at).mean()):.3f} / {100 * float((own < at).mean()):.2f}"
            for at in (asked, asked + beyond)
        ]
        spread = " / ".join(f"{value:.2f}" for value in np.percentile(own[np.isfinite(own)], _TOLD) - asked)
        yield str(people), f"{asked:.3f}", *rates, spread


def _passing(score: Floats, margin: Floats, wanted: float) -> Floats:
    """Scores, -inf where the margin over the next person is too small."""
    return np.where(margin >= wanted, score, -np.inf).astype(np.float32)


def main(words: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m edge.evaluation.recognition.strictness", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    store = ModelStore(models_directory())
    fmr = {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    pipeline, album = Pipeline(store, QualityLimits()), read_album(arguments.directory)
    with Studies(arguments.work, store.fingerprint()) as studies:
        faces, _ = look(album, pipeline, studies, lambda _done, _all: None)
    print("| people | threshold | FPIR / FNIR, % | a decade beyond | the enrolled beyond it: 0.1, 1, 10, 50 % |")
    print("|---|---|---|---|---|")
    for row in rows(faces, fmr, arguments.draws, arguments.seed):
        print("| " + " | ".join(row) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
