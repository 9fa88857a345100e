"""Presentation attacks: each layer says live, attack, or that it cannot measure; together they fail closed.

The texture layer must say live: without its word nobody is. Every other layer can only refuse: one that is sure of
an attack is enough, and one that cannot measure abstains rather than guesses. What each is worth, measured, stands
in models/fr-liveness.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import nan

from edge.domain.liveness import LIVE, is_live
from edge.domain.types import Probe


class Layer(StrEnum):
    """What looks for an attack."""

    TEXTURE = "texture"
    """The model's probability of life, averaged over the frames."""


class Vote(StrEnum):
    """What a layer says of an attempt."""

    LIVE = "live"
    ATTACK = "attack"
    ABSTAIN = "abstain"
    """It could not measure: too few frames, no motion, nothing around the face."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One layer's word."""

    vote: Vote
    suspicion: float
    """In the layer's own unit, more is more like an attack; NaN when it abstains."""


ABSTAINS = Opinion(Vote.ABSTAIN, nan)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all layers together say."""

    live: bool
    liveness: float
    """0..1: the texture layer's mean probability of life; 0 when another layer is sure of an attack."""
    opinions: Mapping[Layer, Opinion]


def judge(agreeing: Sequence[Probe], live: float = LIVE) -> Verdict:
    """The verdict on the frames that would be accepted; no frames, or NaN among them, is not alive.

    `live` is the mean probability of life that is enough; no single frame may be under half of it.
    """
    lives = [probe.liveness for probe in agreeing]
    mean = sum(lives) / len(lives) if lives else nan
    sure = is_live(mean, live) and all(is_live(life, live / 2) for life in lives)
    opinions = {Layer.TEXTURE: Opinion(Vote.LIVE if sure else Vote.ATTACK, 1 - mean)}
    attacked = any(opinion.vote is Vote.ATTACK for layer, opinion in opinions.items() if layer is not Layer.TEXTURE)
    return Verdict(sure and not attacked, 0.0 if attacked else mean, opinions)
