"""What a layer refused alone: without it, the attempt would have passed."""

from pathlib import Path

from edge.domain.pad.verdict import Layer, Opinion, PadVerdict, Vote
from edge.evaluation.pad.attempts import Attempt
from edge.evaluation.pad.breakdown import layer_figures


def attempt(*attacking: Layer) -> Attempt:
    opinions = {layer: Opinion(Vote.ATTACK if layer in attacking else Vote.LIVE, 0.5) for layer in Layer}
    return Attempt("screen", "screen/a", Path("a.jpg"), 0, 3, PadVerdict(not attacking, 0.0, opinions))


def test_a_layer_that_refused_beside_no_other_refused_alone() -> None:
    attempts = [attempt(Layer.GRID), attempt(Layer.GRID, Layer.TEXTURE), attempt()]
    found = layer_figures(Layer.GRID, "screen", attempts)
    assert (found.votes[Vote.ATTACK], found.votes[Vote.LIVE], found.only) == (2, 1, 1)


def test_evidence_of_the_fusion_is_no_refusal_of_its_own() -> None:
    attempts = [attempt(Layer.BORDER, Layer.FUSION), attempt(Layer.ENCLOSURE, Layer.FUSION), attempt(Layer.BORDER)]
    assert layer_figures(Layer.FUSION, "screen", attempts).only == 2
    border = layer_figures(Layer.BORDER, "screen", attempts)
    assert (border.votes[Vote.ATTACK], border.only) == (2, 0)
