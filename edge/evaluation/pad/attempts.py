"""Attempts of an evaluation of presentation attack detection, and their results."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from edge.domain.pad.verdict import PadVerdict


@dataclass(frozen=True, slots=True)
class Attempt:
    """Frames that the terminal would have judged together: the frames of a decision, or one picture."""

    kind: str
    files: tuple[Path, ...]
    verdict: PadVerdict


@dataclass(slots=True)
class Tried:
    """Everything that was looked at, by kind."""

    images: Counter[str] = field(default_factory=Counter)
    detected: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    """Pictures that the quality gate accepted, by kind."""
    rejected: dict[str, Counter[str]] = field(default_factory=dict)
    """Reasons why the other pictures got no verdict, by kind."""
    unreadable: dict[Path, str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)

    def reject(self, kind: str, reason: str, count: int = 1) -> None:
        """Count pictures that get no verdict."""
        self.rejected.setdefault(kind, Counter())[reason] += count

    def add(self, other: Self) -> None:
        """Count simulated attacks, apart from the others."""
        self.images += other.images
        self.detected += other.detected
        self.accepted += other.accepted
        for kind, reasons in other.rejected.items():
            for reason, count in reasons.items():
                self.reject(kind, reason, count)
        self.unreadable |= other.unreadable
        self.attempts += other.attempts
