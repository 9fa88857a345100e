"""The pictures and the frames of films that an evaluation looks at, one after another, as the terminal would get
them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from edge.adapters.replay.film import covering
from edge.adapters.replay.video_file import frames_of, length_of
from edge.domain.face import Pixels
from edge.errors import CameraError, PhotoError
from edge.evaluation.pad.dataset import Clip
from edge.vision.photo import load_photo

_NEAR_S = 0.002
"""How much earlier than due a frame may come: containers round their times to a millisecond."""
_UNKNOWN_S = 10.0
"""Taken for the length of a film that does not tell it, in a progress bar only."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How films are looked at; pictures are taken as they are."""

    rate: float = 15
    """Frames a second, at most: the terminal's `camera.fps`. A film with fewer is taken whole."""
    size: tuple[int, int] = (640, 480)
    """(width, height) in pixels: the terminal's `camera.width` and `camera.height`. A film covers it, as at the
    film camera, and what goes beyond is cut off.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture, or one frame of a film."""

    file: Path
    at_ms: int
    """From the beginning of its video; for a film, by the film's own times."""
    pixels: Pixels | None
    """None when it could not be read."""
    problem: str = ""
    """What could not be read, and the cure."""


def shots(clip: Clip, sampling: Sampling) -> Iterator[Shot]:
    """All of a clip. A film that ends long before it should gives a shot without pixels at its end, to say so."""
    if clip.film:
        yield from _film(clip.files[0], sampling)
        return
    for file, at_ms in zip(clip.files, clip.at_ms, strict=True):
        try:
            pixels = load_photo(file)
        except PhotoError as error:
            yield Shot(file, at_ms, None, str(error))
        else:
            yield Shot(file, at_ms, pixels)


def expected(clip: Clip, rate: float) -> int:
    """Number of shots; for a film an estimate, from the length that it claims."""
    if not clip.film:
        return len(clip.files)
    return ceil((_length(clip.files[0]) or _UNKNOWN_S) * rate)


def _film(file: Path, sampling: Sampling) -> Iterator[Shot]:
    due, last_s = _due(sampling.rate), 0.0

    def wanted(at_s: float) -> bool:
        nonlocal last_s
        last_s = at_s
        return due(at_s)

    try:
        for frame in frames_of(file, wanted):
            yield Shot(file, round(frame.at_s * 1000), covering(frame.pixels, sampling.size))
    except CameraError as error:
        yield Shot(file, round(last_s * 1000), None, str(error))
        return
    claimed = _length(file)
    if claimed is not None and last_s < 0.8 * claimed - 1:
        problem = (
            f"{file}: ends after {last_s:.1f} s of the {claimed:.1f} s that it claims; what there is counts. "
            "Copy it again"
        )
        yield Shot(file, round(last_s * 1000), None, problem)


def _length(file: Path) -> float | None:
    try:
        return length_of(file)
    except CameraError:
        return None  # reading it says what is wrong


def _due(rate: float) -> Callable[[float], bool]:
    """For each frame of a film in turn whether its time has come, at so many a second."""
    count = 0

    def due(at_s: float) -> bool:
        nonlocal count
        if at_s + _NEAR_S < count / rate:
            return False
        count = int((at_s + _NEAR_S) * rate) + 1
        return True

    return due
