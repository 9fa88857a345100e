"""The result of `evaluate-pad` for programs: one JSON object. docs/cli.md names its keys."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from edge.domain.pad.verdict import Layer, Vote
from edge.evaluation.pad.attempts import Attempt, Tried
from edge.evaluation.pad.dataset import REAL, Folder
from edge.evaluation.pad.metrics import Point, Share, acer, det, eer, worst


@dataclass(frozen=True, slots=True)
class WithRejects:
    """The rates without any picture left out."""

    apcer: dict[str, Share]
    bpcer: Share


@dataclass(frozen=True, slots=True)
class PadReport:
    """The figures."""

    folder: Folder
    tried: Tried
    threshold: float
    """Least mean probability of liveness: the shipped threshold."""
    frames: int
    """Most frames of an attempt."""
    fps: float | None
    models: tuple[str, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the folder, then the simulated ones."""
        return (*self.folder.kinds, *(kind for kind in self.tried.images if kind not in self.folder.kinds))

    @property
    def attacks(self) -> tuple[str, ...]:
        """Kinds of the folder that are attacks."""
        return tuple(kind for kind in self.folder.kinds if kind != REAL)

    @property
    def simulated(self) -> tuple[str, ...]:
        """Simulated kinds: they count in no rate of the others."""
        return self.kinds[len(self.folder.kinds) :]

    def share(self, kind: str, holds: Callable[[Attempt], bool]) -> Share:
        """Number of a kind's attempts for which a condition holds."""
        attempts = [attempt for attempt in self.tried.attempts if attempt.kind == kind]
        return Share(sum(map(holds, attempts)), len(attempts))

    def apcer(self) -> dict[str, Share]:
        """Attacks that pass as live, by kind."""
        return {kind: self.passed(kind) for kind in self.attacks}

    def passed(self, kind: str) -> Share:
        """Attempts of a kind that pass as live."""
        return self.share(kind, lambda attempt: attempt.verdict.live)

    def bpcer(self) -> Share:
        """Genuine attempts that do not pass."""
        return self.share(REAL, lambda attempt: not attempt.verdict.live)

    def scores(self, kind: str) -> list[float]:
        """The fused probability of liveness of each attempt."""
        return [attempt.verdict.liveness for attempt in self.tried.attempts if attempt.kind == kind]

    def det(self) -> list[Point]:
        """The DET over the threshold of the texture layer, while the other layers' refusals stand."""
        return det(self.scores(REAL), {kind: self.scores(kind) for kind in self.attacks})

    def votes(self, layer: Layer, kind: str) -> Counter[Vote]:
        """Verdicts of a layer on a kind's attempts."""
        return Counter(
            attempt.verdict.opinions[layer].vote for attempt in self.tried.attempts if attempt.kind == kind
        )

    def as_json(self) -> dict[str, object]:
        """All figures; rates are 0..1, and None (null) where there was nothing to measure."""
        apcer, bpcer, points = self.apcer(), self.bpcer(), self.det()
        tried, kinds, refused = self.tried, self.kinds, self.with_rejects()
        return {
            "schema": 1,
            "models": list(self.models),
            "threshold": self.threshold,
            "frames": self.frames,
            "fps": self.fps,
            "images": {kind: tried.images[kind] for kind in kinds},
            "detected": {kind: tried.detected[kind] for kind in kinds},
            "accepted": {kind: tried.accepted[kind] for kind in kinds},
            "rejected": {kind: dict(tried.rejected.get(kind, {})) for kind in kinds},
            "unreadable": {str(file): why for file, why in tried.unreadable.items()},
            "other_files": self.folder.other_files,
            "attempts": {kind: self.share(kind, lambda _: True).of for kind in kinds},
            "apcer": {kind: share.value for kind, share in apcer.items()},
            "apcer_worst": worst(apcer),
            "bpcer": bpcer.value,
            "acer": acer(worst(apcer), bpcer.value),
            "interval": {
                "apcer": {kind: share.interval for kind, share in apcer.items()},
                "bpcer": bpcer.interval,
            },
            "eer": eer(points),
            "simulated": {kind: self.passed(kind).value for kind in self.simulated},
            "with_rejects": {
                "apcer": {kind: share.value for kind, share in refused.apcer.items()},
                "bpcer": refused.bpcer.value,
            },
            "layers": {str(layer): self._layer(layer) for layer in Layer},
            "det": [[point.threshold, point.apcer, point.bpcer] for point in points],
        }

    def _layer(self, layer: Layer) -> dict[str, object]:
        votes = {kind: self.votes(layer, kind) for kind in self.kinds}

        def share(kind: str, *which: Vote) -> float | None:
            return Share(sum(votes[kind][vote] for vote in which), votes[kind].total()).value

        return {
            # A layer that abstains would pass the attempt if it were alone.
            "apcer": {kind: share(kind, Vote.LIVE, Vote.ABSTAIN) for kind in self.attacks},
            "simulated": {kind: share(kind, Vote.LIVE, Vote.ABSTAIN) for kind in self.simulated},
            "bpcer": share(REAL, Vote.ATTACK) if REAL in votes else None,
            "abstained": {kind: share(kind, Vote.ABSTAIN) for kind in votes},
        }

    def with_rejects(self) -> WithRejects:
        """Rates by picture: a picture without a verdict counts as refused, whatever it shows."""
        passed: dict[str, Share] = {}
        for kind in self.kinds:
            live = [a for a in self.tried.attempts if a.kind == kind and a.verdict.live]
            passed[kind] = Share(sum(len(attempt.files) for attempt in live), self.tried.images[kind])
        genuine = passed.get(REAL, Share(0, 0))
        return WithRejects(
            {kind: passed[kind] for kind in self.attacks}, Share(genuine.of - genuine.count, genuine.of)
        )
