"""Synthetic faces with known answers."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from edge.evaluation.recognition.extraction import ExtractedFaces

Synthetic = Callable[..., ExtractedFaces]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make(
    pictures: Sequence[int], *, noise: float = 0.5, size: int = 64, matchable: float = 1.0, enrollable: float = 1.0
) -> ExtractedFaces:
    """As many people as there are numbers, each with so many pictures: a direction of their own, and noise.

    `matchable` is the share that the gate before matching lets through, `enrollable` the share of those that the
    gate before enrolment does.
    """
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(len(pictures)), pictures).astype(np.intp)
    centres = unit(rng.normal(size=(len(pictures), size)))
    probe = unit(centres[person] + rng.normal(size=(len(person), size)) * noise / np.sqrt(size))
    passed = rng.random(len(person)) < matchable
    return ExtractedFaces(
        people=tuple(f"person-{number:04d}" for number in range(len(pictures))),
        person=person,
        probe=probe,
        template=probe.copy(),
        demand=np.zeros(len(person), np.float32),
        matchable=passed,
        enrollable=passed & (rng.random(len(person)) < enrollable),
    )


@pytest.fixture
def synthetic() -> Synthetic:
    return make
