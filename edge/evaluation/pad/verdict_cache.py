"""Verdicts on clips, kept by the hash of their files; neither an image nor a template is."""

import hashlib
from collections import Counter
from pathlib import Path

import msgspec

import edge.domain.pad
import edge.vision
from edge.domain.pad.verdict import PadVerdict
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.quality import QualityLimits
from edge.evaluation.cache import Cache
from edge.evaluation.pad.attempts import Attempt, TakenFor, Tried
from edge.evaluation.pad.dataset import Clip
from edge.evaluation.pad.enrolment import AttackedPeople
from edge.evaluation.pad.footage import Sampling

FILE = "verdicts.db"
_FORM = 2
"""Format number: raised when what is kept of a clip changes."""


class _Attempt(msgspec.Struct, frozen=True, array_like=True):
    first: int
    """Index of the first frame's picture in the clip; 0 for a film."""
    at_ms: int
    frames: int
    verdict: PadVerdict
    taken_for: TakenFor | None


class _Clip(msgspec.Struct, frozen=True, array_like=True):
    images: int
    detected: int
    accepted: int
    rejected: dict[str, int]
    attempts: tuple[_Attempt, ...]
    approaches: tuple[_Attempt, ...]


_DECODER = msgspec.msgpack.Decoder(_Clip)


class Clips(Cache):
    """Results of clips; `edge.evaluation.cache` keeps them."""

    def __init__(self, folder: Path | None, pipeline: str, policy: DecisionPolicy) -> None:
        """`pipeline` names the models and how they look. Raises EvaluationError for a folder that cannot be
        used.
        """
        super().__init__(folder, FILE, f"{_FORM} {pipeline} {_layers()} {policy} {QualityLimits()}")

    @staticmethod
    def key(clip: Clip, sampling: Sampling, people: AttackedPeople | None) -> str:
        """The key of a clip: its files and their times, whatever their names and their kind, and how it is looked
        at.
        """
        whole = hashlib.sha256(f"{sampling if clip.film else ''}".encode())
        whole.update((people.fingerprint(clip.recording) if people is not None else "").encode())
        for n, file in enumerate(clip.files):
            try:
                with file.open("rb") as content:
                    digest = hashlib.file_digest(content, "sha256").digest()
            except OSError:
                digest = b"unreadable"  # reading it again gives the error; nothing of it is kept
            whole.update(digest + (0 if clip.film else clip.at_ms[n]).to_bytes(8, "big", signed=True))
        return whole.hexdigest()

    def known(self, key: str, clip: Clip) -> Tried | None:
        """The result of a clip; None when it was not looked at, or not whole. Raises EvaluationError."""
        found = self.get(key)
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
        tried.attempts = [_attempt(one, clip) for one in kept.attempts]
        tried.approaches = [_attempt(one, clip) for one in kept.approaches]
        return tried

    def add(self, key: str, clip: Clip, tried: Tried) -> None:
        """Keep the result, unless something of the clip could not be read: it may be mended. Raises
        EvaluationError.
        """
        if tried.unreadable:
            return
        kind = clip.kind
        counted = tried.images[kind], tried.detected[kind], tried.accepted[kind]
        judged = (tuple(_kept(one, clip) for one in them) for them in (tried.attempts, tried.approaches))
        self.keep(key, msgspec.msgpack.encode(_Clip(*counted, dict(tried.rejected.get(kind, {})), *judged)))


def _attempt(kept: _Attempt, clip: Clip) -> Attempt:
    file = clip.files[kept.first]
    return Attempt(clip.kind, clip.recording, file, kept.at_ms, kept.frames, kept.verdict, kept.taken_for)


def _kept(one: Attempt, clip: Clip) -> _Attempt:
    return _Attempt(clip.files.index(one.file), one.at_ms, one.frames, one.verdict, one.taken_for)


def _layers() -> str:
    """A digest of the program of the layers and of what they are given: what an earlier version found is not
    taken.
    """
    whole = hashlib.sha256()
    for package in (edge.domain.pad, edge.vision):
        for folder in package.__path__:
            for file in sorted(file for file in Path(folder).iterdir() if file.is_file()):
                whole.update(file.read_bytes())
    return whole.hexdigest()
