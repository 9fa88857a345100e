"""Studies of pictures, kept by the hash of the picture's bytes: embeddings of faces, to be deleted afterwards."""

from pathlib import Path

import msgspec
import numpy as np

from edge.domain.face import Box
from edge.domain.recognition.quality import QualityMeasures
from edge.evaluation.cache import Cache
from edge.vision.embedder import Embedding
from edge.vision.pipeline import Study

FILE = "studies.db"
_FORM = 2
"""Format number: raised when what is kept of a picture, or the way to it, changes."""


class _Vector(msgspec.Struct, frozen=True, array_like=True):
    floats: bytes
    demand: float


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    boxes: tuple[Box, ...]
    width: int
    height: int
    measures: QualityMeasures
    presence: float
    probe: _Vector
    template: _Vector


_DECODER: msgspec.msgpack.Decoder[_Kept | None] = msgspec.msgpack.Decoder(_Kept | None)


class Studies(Cache):
    """Studies of pictures; `edge.evaluation.cache` keeps them."""

    def __init__(self, folder: Path | None, pipeline: str) -> None:
        """`pipeline` names the models that a study depends on. Raises EvaluationError for a folder that cannot be
        used.
        """
        super().__init__(folder, FILE, f"{_FORM} {pipeline}")

    def known(self, picture: str) -> tuple[bool, Study | None]:
        """Whether a picture, by its hash, was studied; and the study: None when it shows no face."""
        found = self.get(picture)
        if found is None:
            return False, None
        try:
            kept = _DECODER.decode(found)
        except msgspec.MsgspecError as error:
            raise self.unusable(error) from error
        return True, None if kept is None else _study(kept)

    def add(self, picture: str, study: Study | None) -> None:
        """Keep a study. Raises EvaluationError."""
        self.keep(picture, msgspec.msgpack.encode(None if study is None else _kept(study)))


def _kept(study: Study) -> _Kept:
    probe, template = (_Vector(e.vector.astype("<f4").tobytes(), e.demand) for e in (study.probe, study.template))
    return _Kept(
        study.boxes, study.width, study.height, study.measures, study.presence, probe, template
    )  # fmt: skip


def _study(kept: _Kept) -> Study:
    probe, template = (
        Embedding(np.frombuffer(vector.floats, "<f4").astype(np.float32), vector.demand)
        for vector in (kept.probe, kept.template)
    )
    return Study(kept.boxes, kept.width, kept.height, kept.measures, kept.presence, probe, template)
