"""Studies of pictures, kept by the hash of the picture's bytes, so that an evaluation can be resumed.

The file holds embeddings of faces: its owner alone may read it, and it is to be deleted when the work is done.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np

from edge.domain.quality import QualityMeasures
from edge.domain.types import Box
from edge.errors import EvaluationError
from edge.vision.embedder import Embedding
from edge.vision.pipeline import Study

FILE = "studies.db"
_FORM = 1
"""Raised when what is kept of a picture, or the way to it, changes."""


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


class Studies:
    """One connection; without a folder everything is kept in memory."""

    def __init__(self, folder: Path | None, pipeline: str) -> None:
        """`pipeline` names the models that a study depends on. Raises EvaluationError for a folder of no use."""
        self._pipeline = f"{_FORM} {pipeline}"
        self._where = ":memory:"
        try:
            if folder is not None:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                (folder / FILE).touch(mode=0o600)
                self._where = str(folder / FILE)
            self._db = sqlite3.connect(self._where, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")  # what a power cut loses is looked at again
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS studies (picture TEXT NOT NULL, pipeline TEXT NOT NULL, "
                "kept BLOB NOT NULL, PRIMARY KEY (picture, pipeline))"
            )
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._db.close()

    def get(self, picture: str) -> tuple[bool, Study | None]:
        """Whether a picture, by its hash, was studied; and what came of it: None when it shows no face."""
        try:
            with closing(self._db.cursor()) as cursor:
                cursor.execute(
                    "SELECT kept FROM studies WHERE picture = ? AND pipeline = ?", (picture, self._pipeline)
                )
                row = cursor.fetchone()
            if row is None:
                return False, None
            kept = _DECODER.decode(row[0])
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise self._unusable(error) from error
        return True, None if kept is None else _study(kept)

    def keep(self, picture: str, study: Study | None) -> None:
        """Remember it at once: what was looked at is not looked at again."""
        kept = msgspec.msgpack.encode(None if study is None else _kept(study))
        try:
            self._db.execute("INSERT OR REPLACE INTO studies VALUES (?, ?, ?)", (picture, self._pipeline, kept))
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> EvaluationError:
        return EvaluationError(f"{self._where}: cannot keep studies there ({error}); name another --work folder")


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
