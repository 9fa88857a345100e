"""The director of a door's scene: a sample person of whom there are photographs from several sides does what the
terminal says during a guided enrolment. Everybody else stands still.
"""

import functools
import threading
from pathlib import Path

import numpy as np

from edge.adapters.replay.scene import Scene
from edge.domain.attendance.cues import CueName
from edge.domain.face import Box, Pixels
from edge.resources import models_directory, photos_directory
from edge.simulate.sample_people import SamplePerson
from edge.vision.detector import BlazeFaceDetector
from edge.vision.image import FrameImage
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo

_HEIGHTS = {CueName.TOO_FAR: 260.0, CueName.TOO_CLOSE: 150.0}
"""Height of the face in frame pixels, from brow to chin, by what the terminal says."""
_USUAL = 200.0


class Director:
    """Knows who stands before the camera. Any thread may call it."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._lock = threading.Lock()
        self._person: SamplePerson | None = None
        self._last: tuple[str, bool, float] | None = None

    def stands(self, person: SamplePerson | None) -> None:
        """Say who stands there now; None for nobody, or for whom the director cannot direct."""
        with self._lock:
            self._person, self._last = person, None

    def follow(self, cue: str) -> dict[str, object] | None:
        """Do what a cue says; what the scene shows now, or None when nothing has changed."""
        with self._lock:
            person = self._person
            if person is None or person.turned is None:
                return None
            wanted = _wanted(person, cue)
            if wanted == self._last:
                return None
            self._last = wanted
            photo, mirrored, height = wanted
            pixels, box = _aimed(photos_directory() / photo)
            if mirrored:
                pixels = np.ascontiguousarray(pixels[:, ::-1])
                box = Box(pixels.shape[1] - box.x1, box.y0, pixels.shape[1] - box.x0, box.y1)
            self._scene.show(pixels, aim=box, face_height=height)
            return {"photo": photo, "mirrored": mirrored}

    def rest(self) -> None:
        """The enrolment is over: the person stands as they do."""
        with self._lock:
            self._last = None


def _wanted(person: SamplePerson, cue: str) -> tuple[str, bool, float]:
    """The photograph, whether it is mirrored, and the height of the face."""
    front = person.enrolment[0]
    if person.turned is not None and cue in {CueName.TURN_LEFT, CueName.TURN_RIGHT}:
        return person.turned, cue == CueName.TURN_LEFT, _USUAL
    height = next((tall for name, tall in _HEIGHTS.items() if name == cue), _USUAL)
    return front, False, height


@functools.lru_cache(maxsize=4)
def _aimed(path: Path) -> tuple[Pixels, Box]:
    """A photograph, and the box of its largest face."""
    photo = load_photo(path)
    detector = BlazeFaceDetector(ModelStore(models_directory("")).load(Role.DETECTOR))
    boxes = [found.box for found in detector.detect(FrameImage(photo))]
    return photo, max(boxes, key=lambda box: box.height)
