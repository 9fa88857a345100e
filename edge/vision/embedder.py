"""From an aligned face to a unit vector: MobileFaceNet."""

import numpy as np

from edge.domain.types import Floats, Pixels
from edge.vision.models import LiteModel


class Embedder:
    """The embedding model."""

    def __init__(self, model: LiteModel) -> None:
        """`model` serves the embedder role."""
        self._model = model

    @property
    def id(self) -> str:
        """Goes into every template: one made by another model never matches."""
        return self._model.spec.id

    def embed(self, aligned: Pixels) -> Floats:
        """(112, 112, 3) RGB, aligned, to (192,) of unit length; cosine similarity is then a dot product."""
        (raw,) = self._model.run(self._model.prepare(aligned))
        vector = raw[0].astype(np.float64)
        # The raw norm is about 28 (measured); a zero or non-finite vector would be a broken model, not a face.
        norm = float(np.linalg.norm(vector))
        if not 0 < norm < np.inf:
            raise ArithmeticError(f"{self.id} gave a vector of length {norm}: the model or the runtime is broken")
        return np.asarray(vector / norm, np.float32)
