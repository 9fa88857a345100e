"""From an aligned face to a unit vector: the vectors of two embedders, weighted and joined.

Two models that were trained separately make different errors: joined, they miss a fifth to two fifths fewer people
at the same false alarms than the better one alone (docs/facts.md). The length of a raw vector tells how much of a
face the model saw: its strength. A weak face loses similarity to its own template ten times as fast as to a
stranger's (0.46 against 0.04 of cosine a unit of strength, measured), so its threshold is a little lower:
`Embedding.demand`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Floats, Pixels
from edge.vision.manifest import TemplateSpec
from edge.vision.models import LiteModel

_RANGE = 0.25
"""A strength beyond 1 ± this changes the threshold no further: a face that is blurred on purpose gains no more than
this.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The vector that the embedders make of a face."""

    vector: Floats
    """(d,), unit length; cosine similarity is then a dot product."""
    demand: float
    """Cosine to add to the threshold that this face must pass; below 0 for a weak face."""


class Embedder:
    """The embedding models, as the manifest joins them."""

    def __init__(self, models: Sequence[LiteModel], spec: TemplateSpec) -> None:
        """`models` in the order of the spec's parts."""
        self._parts = list(zip(models, spec.part, strict=True))
        self._spec = spec

    @property
    def id(self) -> str:
        """The id in every template: a template by other models never matches."""
        return self._spec.id

    def embed(self, aligned: Pixels, *, mirrored: bool = False) -> Embedding:
        """The embedding of a (112, 112, 3) RGB face, aligned. Raises ArithmeticError when a model gives no
        direction at all.

        `mirrored` averages the face with its mirror image, in the same space. It takes twice the time, which is
        worth it for a template, because that is made once.
        """
        joined, strengths = [], []
        for model, part in self._parts:
            vector, length = _unit(model, aligned)
            if mirrored:
                both = vector + _unit(model, np.ascontiguousarray(aligned[:, ::-1]))[0]
                vector = both / np.linalg.norm(both)
            joined.append(vector * sqrt(part.weight))
            strengths.append(length / part.length)
        whole = np.concatenate(joined)
        beyond = min(max(sum(strengths) / len(strengths) - 1, -_RANGE), _RANGE)
        return Embedding((whole / np.linalg.norm(whole)).astype(np.float32), self._spec.demand * beyond)


def _unit(model: LiteModel, aligned: Pixels) -> tuple[NDArray[np.float64], float]:
    """A model's vector at length 1, and how long it was."""
    (raw,) = model.run(model.prepare(aligned))
    vector = raw[0].astype(np.float64)
    length = float(np.linalg.norm(vector))
    # A zero or non-finite vector would be a broken model, not a face.
    if not 0 < length < np.inf:
        raise ArithmeticError(
            f"{model.spec.id} gave a vector of length {length}: the model or the runtime is broken"
        )
    return vector / length, length
