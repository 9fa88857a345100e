"""What was observed, and the table of promises that is made of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep

PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class Promise:
    """One row: what is promised, in whose words, and the topics of the facts that it rests on."""

    name: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at."""

    promise: str
    holds: bool
    evidence: str


@dataclass
class Findings:
    """Facts as the story goes on. Whatever fails is noted, and the story goes on."""

    facts: list[Fact] = field(default_factory=list)
    patience_s: float = PATIENCE_S

    def note(self, promise: str, holds: object, evidence: str) -> bool:
        """Put down what was seen."""
        self.facts.append(Fact(promise, bool(holds), evidence))
        return bool(holds)

    def equal(self, promise: str, what: str, found: object, expected: object) -> bool:
        """That something is just so; a difference is shown by its size, never by what is in it."""
        holds = found == expected
        return self.note(promise, holds, f"{what}: {_said(found)}" + ("" if holds else f", not {_said(expected)}"))

    def until(self, promise: str, what: str, condition: Callable[[], object]) -> bool:
        """That something comes true in time."""
        began = monotonic()
        while not condition():
            if monotonic() - began > self.patience_s:
                return self.note(promise, False, f"not within {self.patience_s:g} s: {what}")
            sleep(0.05)
        return self.note(promise, True, what)

    def rows(self, promises: tuple[Promise, ...]) -> list[dict[str, object]]:
        """The table; a promise without a fact does not hold, and a fact without a promise is a mistake of ours."""
        names = {one.name for one in promises}
        stray = sorted({fact.promise for fact in self.facts} - names)
        if stray:
            raise ValueError(f"facts about no promise: {', '.join(stray)}")
        return [_row(one, [fact for fact in self.facts if fact.promise == one.name]) for one in promises]


def _row(promise: Promise, facts: list[Fact]) -> dict[str, object]:
    return {
        "promise": promise.name,
        "text": promise.text,
        "source": promise.source,
        "evidence": [fact.evidence for fact in facts] or ["nothing was observed"],
        "failed": [fact.evidence for fact in facts if not fact.holds],
        "holds": bool(facts) and all(fact.holds for fact in facts),
    }


def _said(value: object) -> str:
    if isinstance(value, set | frozenset | list | dict):
        return f"{len(value)}"
    return str(value)
