"""One line of the benchmark's table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    against: str | None = None
    """What `ratio` compares it with, measured in the same run."""
    ratio: float | None = None
    aim: str | None = None
    met: bool | None = None
