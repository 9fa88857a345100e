"""Verdicts on clips, kept by the hash of their pictures; neither an image nor a template is."""

import hashlib
from collections import Counter
from pathlib import Path

import msgspec

from edge.domain.pad.verdict import BANDS, BORDER, GRID, PLANE, SURROUNDINGS, Layer, Opinion, PadVerdict, Vote
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.quality import QualityLimits
from edge.evaluation.cache import Cache
from edge.evaluation.pad.attempts import Attempt, Tried
from edge.evaluation.pad.dataset import Clip

FILE = "verdicts.db"
_FORM = 1
"""Format number: raised when a layer, or what is kept of a clip, changes."""


class _Attempt(msgspec.Struct, frozen=True, array_like=True):
    files: tuple[int, ...]
    """Index among the clip's attempts."""
    live: bool
    liveness: float
    opinions: dict[Layer, tuple[Vote, float]]


class _Clip(msgspec.Struct, frozen=True, array_like=True):
    images: int
    detected: int
    accepted: int
    rejected: dict[str, int]
    attempts: tuple[_Attempt, ...]


_DECODER = msgspec.msgpack.Decoder(_Clip)


class Clips(Cache):
    """Results of clips; `edge.evaluation.cache` keeps them."""

    def __init__(self, folder: Path | None, pipeline: str, policy: DecisionPolicy) -> None:
        """`pipeline` names the models and how they look. Raises EvaluationError for a folder that cannot be
        used.
        """
        limits = [BORDER, PLANE, SURROUNDINGS, GRID, BANDS]
        super().__init__(folder, FILE, f"{_FORM} {pipeline} {limits} {policy} {QualityLimits()}")

    def known(self, clip: Clip) -> Tried | None:
        """The result of a clip; None when it was not looked at, or not whole. Raises EvaluationError."""
        found = self.get(_key(clip))
        if found is None:
            return None
        try:
            kept = _DECODER.decode(found)
        except msgspec.MsgspecError as error:
            raise self.unusable(error) from error
        tried, kind = Tried(), clip.kind
        for counter, count in (
            (tried.images, kept.images),
            (tried.detected, kept.detected),
            (tried.accepted, kept.accepted),
        ):
            counter[kind] = count
        if kept.rejected:
            tried.rejected[kind] = Counter(kept.rejected)
        for one in kept.attempts:
            opinions = {layer: Opinion(vote, suspicion) for layer, (vote, suspicion) in one.opinions.items()}
            files = tuple(clip.files[n] for n in one.files)
            tried.attempts.append(Attempt(kind, files, PadVerdict(one.live, one.liveness, opinions)))
        return tried

    def add(self, clip: Clip, tried: Tried) -> None:
        """Keep the result, unless a picture of the clip could not be read: it may be mended. Raises
        EvaluationError.
        """
        if tried.unreadable:
            return
        kind = clip.kind
        attempts = tuple(
            _Attempt(
                tuple(clip.files.index(file) for file in one.files),
                one.verdict.live,
                one.verdict.liveness,
                {layer: (said.vote, said.suspicion) for layer, said in one.verdict.opinions.items()},
            )
            for one in tried.attempts
        )
        counted = tried.images[kind], tried.detected[kind], tried.accepted[kind]
        self.keep(_key(clip), msgspec.msgpack.encode(_Clip(*counted, dict(tried.rejected.get(kind, {})), attempts)))


def _key(clip: Clip) -> str:
    """The key of a clip: its pictures and their times, whatever their names and their kind."""
    whole = hashlib.sha256()
    for file, at_ms in zip(clip.files, clip.at_ms, strict=True):
        try:
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").digest()
        except OSError:
            digest = b"unreadable"  # reading it again gives the error; nothing of it is kept
        whole.update(digest + at_ms.to_bytes(8, "big", signed=True))
    return whole.hexdigest()
