"""The figures of an evaluation by recording, by layer, and by who is recognised. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.domain.pad.verdict import EVIDENCE, Layer, Vote
from edge.evaluation.pad.attempts import Attempt, TakenFor
from edge.evaluation.pad.dataset import REAL
from edge.evaluation.pad.metrics import Share


def wrong(kind: str, attempts: Iterable[Attempt]) -> Share:
    """Attacks that passed as live, or genuine attempts that did not."""
    live = [attempt.verdict.live for attempt in attempts]
    return Share(sum(one != (kind == REAL) for one in live), len(live))


def saw_attack(attempt: Attempt) -> list[str]:
    """Names of the layers that saw an attack in an attempt, those that may only tell the fusion so among them."""
    return [str(layer) for layer, said in attempt.verdict.opinions.items() if said.vote is Vote.ATTACK]


@dataclass(frozen=True, slots=True)
class RecordingFigures:
    """The figures of one recording."""

    name: str
    kind: str
    person: str | None
    """The enrolled person whom it shows; None for nobody, or when nobody is enrolled."""
    tuned_on: bool
    """The user says that layers or limits were chosen on it."""
    wrong: Share
    """Attempts that were judged wrongly."""
    approaches: Share
    """Approaches that were."""


def worst_of(rows: Sequence[RecordingFigures]) -> RecordingFigures | None:
    """The recording with the highest share of errors, by the more of them among equals; None without attempts."""
    measured = [row for row in rows if row.wrong.of]
    return max(measured, key=lambda row: (row.wrong.count / row.wrong.of, row.wrong.of), default=None)


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """What one layer said to the attempts of one kind."""

    layer: Layer
    kind: str
    votes: Counter[Vote]
    only: int
    """Attempts that this layer refused and no other; 0 of a layer that speaks through the fusion alone."""


def layer_figures(layer: Layer, kind: str, attempts: Iterable[Attempt]) -> LayerFigures:
    """Counts of one layer's verdicts. A layer that an attempt does not name abstained."""
    votes: Counter[Vote] = Counter()
    only = 0
    for attempt in attempts:
        said = attempt.verdict.opinions
        vote = said[layer].vote if layer in said else Vote.ABSTAIN
        votes[vote] += 1
        refusing = {one for one, opinion in said.items() if opinion.vote is Vote.ATTACK} - EVIDENCE
        only += refusing == {layer}
    return LayerFigures(layer, kind, votes, only)


@dataclass(frozen=True, slots=True)
class Impostors:
    """Attempts of one kind against the people whom they show."""

    iapar: Share
    """Accepted as live and recognised as the person shown, of all attempts whose person is enrolled."""
    matched: Share
    """Recognised as the person shown, live or not."""
    others: int
    """Accepted as live and recognised as somebody else; also attempts that show nobody enrolled count."""
    unnamed: int
    """Attempts that show nobody who is enrolled, as far as is known. They are not part of the shares."""


def impostors(attempts: Iterable[Attempt], named: Iterable[str]) -> Impostors:
    """IAPAR of attempts; `named` are the recordings whose person is enrolled."""
    every, known = list(attempts), set(named)
    shown = [attempt for attempt in every if attempt.recording in known]
    matched = [attempt for attempt in shown if attempt.taken_for is TakenFor.SHOWN]
    return Impostors(
        Share(sum(attempt.verdict.live for attempt in matched), len(shown)),
        Share(len(matched), len(shown)),
        sum(attempt.verdict.live and attempt.taken_for is TakenFor.OTHER for attempt in every),
        len(every) - len(shown),
    )
