"""A person before the replay camera of a running terminal, who does what the terminal says: photographs of one man
from several sides.
"""

from pathlib import Path

import numpy as np

from edge.adapters.replay.camera import ReplayCamera
from edge.adapters.replay.scene import Scene
from edge.domain.face import Box, Pixels
from edge.resources import models_directory
from edge.vision.detector import BlazeFaceDetector
from edge.vision.image import FrameImage
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo

PHOTOS = Path(__file__).resolve().parents[1] / "photos"


class Actor:
    """Directs a scene. `follow` takes what the terminal tells, and shows the photograph that obeys."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.camera = ReplayCamera(self.scene, fps=15)
        self._faces = {name: _aimed(name) for name in ("obama.jpg", "obama2.jpg", "biden.jpg")}
        self.told: list[str] = []

    def stand(self, name: str = "obama.jpg", *, mirrored: bool = False, height: float = 200.0) -> None:
        photo, box = self._faces[name]
        if mirrored:
            width = photo.shape[1]
            photo, box = np.ascontiguousarray(photo[:, ::-1]), Box(width - box.x1, box.y0, width - box.x0, box.y1)
        self.scene.show(photo, aim=box, face_height=height)

    def leave(self) -> None:
        self.scene.clear()

    def follow(self, text: str) -> None:
        """Obey one line of the terminal's advice."""
        self.told.append(text)
        if "to your left" in text:
            self.stand("obama2.jpg", mirrored=True)
        elif "to your right" in text:
            self.stand("obama2.jpg")
        elif "closer" in text:
            self.stand(height=260.0)
        elif "step back" in text:
            self.stand(height=150.0)
        else:
            self.stand()


def _aimed(name: str) -> tuple[Pixels, Box]:
    photo = load_photo(PHOTOS / name)
    detector = BlazeFaceDetector(ModelStore(models_directory("")).load(Role.DETECTOR))
    boxes = [found.box for found in detector.detect(FrameImage(photo))]
    return photo, max(boxes, key=lambda box: box.height)
