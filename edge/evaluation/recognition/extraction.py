"""Extraction: every picture of an album goes through the product's own pipeline; the result of each gate is
kept.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats, Frame
from edge.domain.recognition.quality import ENROLMENT_LIMITS, QualityLimits
from edge.errors import PhotoError
from edge.evaluation.recognition.dataset import Album
from edge.evaluation.recognition.extraction_cache import Studies
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline, Study

NO_FACE = "no-face"
UNREADABLE, DUPLICATE, NO_VECTOR = "unreadable", "the same file again", "no embedding"

Gates = tuple[QualityLimits, QualityLimits]
PRODUCT: Gates = (QualityLimits(), ENROLMENT_LIMITS)
"""The gate before matching, and the one before enrolment."""
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ExtractedFaces:
    """Pictures that could be read, in the album's order. Row i of every array is about picture i."""

    people: tuple[str, ...]
    person: Indices
    """(n,): index of the person in `people`."""
    probe: Floats
    """(n, d), unit rows; zeros where there is no face."""
    template: Floats
    """(n, d): the same as enrolment would embed it."""
    demand: Floats
    """(n,): cosine that the face's strength adds to the threshold."""
    matchable: Flags
    """(n,): whether the gate before matching accepts it."""
    enrollable: Flags
    """(n,): whether the stricter gate before enrolment accepts it, too."""


@dataclass(slots=True)
class Looked:
    """Results of the pictures."""

    images: int = 0
    detected: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Pictures that the gate before matching refused, by reason; among the pictures that could be read."""
    rejected_enrolment: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    """Pictures that are in no figure, by reason."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """File to its problem."""
    two_names: list[tuple[str, ...]] = field(default_factory=list)
    """People who have the very same file."""


def look(
    album: Album, pipeline: Pipeline, studies: Studies, progress: Callable[[int, int], None], gates: Gates = PRODUCT
) -> tuple[ExtractedFaces, Looked]:
    """Study every picture that was not studied before. Unreadable pictures are counted and named, never fatal.

    The same bytes twice in one person's folder count once: as template and probe they would improve the figures.
    Raises EvaluationError when the studies cannot be kept.
    """
    looked, seen = Looked(images=len(album.files)), {}
    owners: dict[str, list[int]] = {}
    rows: list[tuple[int, Study | None]] = []
    for done, (path, person) in enumerate(zip(album.files, album.person, strict=True)):
        progress(done, len(album.files))
        picture = _sha256(path)
        if (picture, person) in seen:
            looked.left_out[DUPLICATE] += 1
            continue
        seen[picture, person] = True
        try:
            study = _study(path, picture, pipeline, studies)
        except (PhotoError, ArithmeticError) as error:
            looked.left_out[UNREADABLE if isinstance(error, PhotoError) else NO_VECTOR] += 1
            looked.unreadable[f"{album.people[person]}/{path.name}"] = str(error)
            continue
        rows.append((person, study))
        owners.setdefault(picture, []).append(person)
    progress(len(album.files), len(album.files))
    looked.two_names = [tuple(album.people[p] for p in who) for who in owners.values() if len(who) > 1]
    return _faces(album.people, rows, pipeline, looked, gates), looked


def _study(path: Path, picture: str, pipeline: Pipeline, studies: Studies) -> Study | None:
    known, study = studies.known(picture)
    if not known:
        study = pipeline.study(Frame(load_photo(path), 0))
        studies.add(picture, study)
    return study


def _faces(
    people: tuple[str, ...], rows: list[tuple[int, Study | None]], pipeline: Pipeline, looked: Looked, gates: Gates
) -> ExtractedFaces:
    found = [study for _, study in rows if study is not None]
    size = len(found[0].probe.vector) if found else 0
    faces = ExtractedFaces(
        people,
        np.array([person for person, _ in rows], np.intp),
        np.zeros((len(rows), size), np.float32),
        np.zeros((len(rows), size), np.float32),
        np.zeros(len(rows), np.float32),
        np.zeros(len(rows), bool),
        np.zeros(len(rows), bool),
    )
    verdicts = (
        (gates[0], faces.matchable, looked.rejected),
        (gates[1], faces.enrollable, looked.rejected_enrolment),
    )
    for row, (_, study) in enumerate(rows):
        if study is not None:
            looked.detected += 1
            faces.probe[row], faces.template[row] = study.probe.vector, study.template.vector
            faces.demand[row] = study.probe.demand
        for limits, passed, rejected in verdicts:
            reason = NO_FACE if study is None else pipeline.gate(study, limits)
            passed[row] = reason is None
            if reason is not None:
                rejected[str(reason)] += 1
    return faces


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return f"unreadable {path}"  # reading it again gives the error, and counts it
