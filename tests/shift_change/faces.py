"""The faces of the people: real photographs, and drawn vectors that lie as far apart as real ones.

The packages have photographs of three people only. Everybody else stands before the camera as one of these
photographs, which every model looks at; the vector that comes out is then replaced by the person's drawn one. So
the time is the real one, and the distances are drawn. `of_folder` takes real people of a folder instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.domain.face import Floats, Frame, Probe
from edge.domain.recognition.lookalikes import strangers as two_people
from edge.errors import PhotoError, SmartClockerError
from edge.resources import photos_directory
from edge.simulate.sample_people import SAMPLES
from edge.vision.photo import SUFFIXES, load_photo
from edge.vision.pipeline import Pipeline

TEMPLATES = 3
"""Pictures from which a person is enrolled, at most."""
_SPREAD = 62
"""Dimensions over which drawn people are spread. Two strangers' cosine then has a standard deviation of 0.127: one
pair in 10,000 is over 0.47 and one in 100,000 over 0.54, as in the manifest's table of false match rates.
"""
_NEAR, _NEAR_SPREAD, _NEAR_LEAST, _NEAR_MOST = 0.86, 0.1, 0.6, 0.97
"""Cosine of a picture to its person: mean, standard deviation and bounds. Two pictures of one person then have a
median cosine of 0.74, and 5 % of the pairs are under 0.53 (LFW: 0.74 and 0.50, docs/facts.md).
"""


@dataclass(frozen=True, eq=False)
class Face:
    """How somebody looks."""

    photo: Path
    """The photograph that stands before the camera."""
    rows: Floats | None = None
    """(k, d): the templates of somebody who is enrolled; None for a stranger."""
    drawn: Floats | None = None
    """(d,): the vector of this visit, in place of the photograph's; None where the photograph is their own."""
    widened: bool = False
    """Whether the photograph is cut so close that it must be drawn on around its edges."""


def shipped(pipeline: Pipeline) -> list[Face]:
    """The three people of the packages' photographs; `pipeline` is one for enrolment."""
    return [
        Face(photos_directory() / one.at_the_door, np.stack([_vector(pipeline, name) for name in one.enrolment]))
        for one in SAMPLES.values()
    ]


def drawn(staff: int, strangers: int, length: int, rng: np.random.Generator) -> tuple[list[Face], list[Face]]:
    """People who do not exist, with vectors of `length` numbers: those who are enrolled, and strangers."""
    directions = np.linalg.qr(rng.standard_normal((length, _SPREAD)))[0].T
    photos = [photos_directory() / one.at_the_door for one in SAMPLES.values()]
    found = []
    for number in range(staff + strangers):
        person = _unit(rng.standard_normal(_SPREAD))
        pictures = [(_picture(person, rng) @ directions).astype(np.float32) for _ in range(TEMPLATES + 1)]
        rows = np.stack(pictures[1:]) if number < staff else None
        found.append(Face(photos[number % len(photos)], rows, pictures[0]))
    return found[:staff], found[staff:]


def as_filmed(vector: Floats, rng: np.random.Generator) -> Floats:
    """A drawn vector as the next frame shows it: frames of one visit differ a little."""
    noise = rng.standard_normal(len(vector)) / np.sqrt(len(vector))
    return _unit(vector + 0.2 * noise).astype(np.float32)


def of_folder(
    folder: Path, count: int, strangers: int, pipeline: Pipeline, seed: int
) -> tuple[list[Face], list[Face]]:
    """`count` people of a folder with a folder of pictures for each person, and as many strangers as asked for.

    Each is enrolled from one to three pictures that the enrolment gate lets pass, and stands at the door as another
    picture, which no gate has seen. Raises SmartClockerError when there are too few people.
    """
    candidates = _people_of(folder)
    np.random.default_rng(seed).shuffle(candidates)
    # Those with the most pictures first: they are enrolled from three.
    candidates.sort(key=lambda pictures: -min(len(pictures), TEMPLATES + 1))
    staff: list[Face] = []
    rest = iter(candidates)
    while len(staff) < count:
        pictures = next(rest, None)
        if pictures is None:
            raise SmartClockerError(
                f"{folder}: has {len(staff)} people with two good pictures, and {count} come by face; ask for "
                "fewer --people"
            )
        rows = list(_good(pictures[:-1], pipeline))[:TEMPLATES]
        if rows and two_people(np.stack(rows)) is None:
            staff.append(Face(pictures[-1], np.stack(rows), widened=True))
    others = [Face(pictures[-1], widened=True) for pictures in list(rest)[:strangers]]
    if len(others) < strangers:
        raise SmartClockerError(f"{folder}: nobody is left to be a stranger; ask for fewer --people or --strangers")
    return staff, others


def _people_of(folder: Path) -> list[list[Path]]:
    try:
        people = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError as error:
        raise SmartClockerError(f"{folder}: cannot be read ({error.strerror}); name a folder of people") from error
    pictures = [sorted(one for one in person.iterdir() if one.suffix.lower() in SUFFIXES) for person in people]
    return [some for some in pictures if len(some) >= 2]


def _good(pictures: Sequence[Path], pipeline: Pipeline) -> Iterator[Floats]:
    for path in pictures:
        try:
            probe = _probe(pipeline, path)
        except PhotoError:
            continue
        if probe is not None:
            yield probe.embedding


def _probe(pipeline: Pipeline, path: Path) -> Probe | None:
    return pipeline.look(Frame(load_photo(path), 0)).probe


def _vector(pipeline: Pipeline, name: str) -> Floats:
    probe = _probe(pipeline, photos_directory() / name)
    if probe is None:
        raise SmartClockerError(f"{name}: the shipped photograph passes no enrolment; run `make models`")
    return probe.embedding


def _picture(person: Floats, rng: np.random.Generator) -> Floats:
    near = float(np.clip(rng.normal(_NEAR, _NEAR_SPREAD), _NEAR_LEAST, _NEAR_MOST))
    noise = rng.standard_normal(len(person))
    across = _unit(noise - (noise @ person) * person)
    picture: Floats = near * person + np.sqrt(1 - near**2) * across
    return picture


def _unit(vector: Any) -> Floats:
    found: Floats = vector / np.linalg.norm(vector)
    return found
