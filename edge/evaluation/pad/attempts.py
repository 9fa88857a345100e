"""Attempts of an evaluation of presentation attack detection, and their results."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from edge.domain.pad.verdict import PadVerdict


class TakenFor(StrEnum):
    """Whom a face was recognised as."""

    SHOWN = "shown"
    """The person whom the recording shows."""
    OTHER = "other"
    """Another enrolled person, or somebody while nobody enrolled is shown."""
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Frames that the terminal would have judged together: the frames of a decision, or one picture."""

    kind: str
    recording: str
    file: Path
    """The first frame's picture, or the film."""
    at_ms: int
    """Time of the first frame, from the beginning of its video."""
    frames: int
    verdict: PadVerdict
    taken_for: TakenFor | None = None
    """None when nobody is enrolled."""


@dataclass(slots=True)
class Tried:
    """Everything that was looked at, by kind."""

    images: Counter[str] = field(default_factory=Counter)
    """Pictures, and frames of films."""
    detected: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    """Those of them that the quality gate accepted."""
    rejected: dict[str, Counter[str]] = field(default_factory=dict)
    """Reasons why the others got no verdict, by kind."""
    unreadable: dict[Path, str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    approaches: list[Attempt] = field(default_factory=list)
    """The answers to whole approaches (`edge.evaluation.pad.judging`): live when the terminal would have accepted
    the face at some moment.
    """

    def reject(self, kind: str, reason: str, count: int = 1) -> None:
        """Count pictures that get no verdict."""
        self.rejected.setdefault(kind, Counter())[reason] += count

    def add(self, other: Self) -> None:
        """Count the results of another clip, too."""
        self.images += other.images
        self.detected += other.detected
        self.accepted += other.accepted
        for kind, reasons in other.rejected.items():
            for reason, count in reasons.items():
                self.reject(kind, reason, count)
        self.unreadable |= other.unreadable
        self.attempts += other.attempts
        self.approaches += other.approaches
