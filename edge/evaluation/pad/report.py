"""The figures of `evaluate-pad`, from which its text, its page and its JSON are made."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge.domain.pad.verdict import Layer
from edge.evaluation.pad.attempts import Attempt, Tried
from edge.evaluation.pad.breakdown import (
    Impostors,
    LayerFigures,
    RecordingFigures,
    impostors,
    layer_figures,
    worst_of,
    wrong,
)
from edge.evaluation.pad.dataset import REAL, Folder
from edge.evaluation.pad.enrolment import AttackedPeople
from edge.evaluation.pad.footage import Sampling
from edge.evaluation.pad.metrics import Point, Share, det


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
    sampling: Sampling = field(default_factory=Sampling)
    people: AttackedPeople | None = None
    tuned_on: frozenset[str] = frozenset()
    """Recordings on which layers or limits were chosen, as the user says."""

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

    def of(self, kind: str, attempts: Iterable[Attempt] | None = None) -> list[Attempt]:
        """A kind's attempts, or those of other `attempts`."""
        every = self.tried.attempts if attempts is None else attempts
        return [attempt for attempt in every if attempt.kind == kind]

    def apcer(self) -> dict[str, Share]:
        """Attacks that pass as live, by kind."""
        return {kind: self.passed(kind) for kind in self.attacks}

    def passed(self, kind: str) -> Share:
        """Attempts of an attack that pass as live."""
        return wrong(kind, self.of(kind))

    def bpcer(self) -> Share:
        """Genuine attempts that do not pass."""
        return wrong(REAL, self.of(REAL))

    def errors(self, kind: str) -> Share:
        """APCER of an attack, BPCER of the genuine ones."""
        return wrong(kind, self.of(kind))

    def approaches(self, kind: str) -> Share:
        """The same over approaches, in which one error of many moments is enough."""
        return wrong(kind, self.of(kind, self.tried.approaches))

    def not_tuned_on(self, kind: str) -> Share:
        """The same over the attempts of recordings that nothing was tuned on."""
        return wrong(kind, [one for one in self.of(kind) if one.recording not in self.tuned_on])

    def recordings(self, kind: str) -> list[RecordingFigures]:
        """A kind's recordings, by name."""
        names = dict.fromkeys(clip.recording for clip in self.folder.clips if clip.kind == kind)
        return [self._recording(kind, name) for name in names]

    def _recording(self, kind: str, name: str) -> RecordingFigures:
        def share(attempts: Iterable[Attempt]) -> Share:
            return wrong(kind, [one for one in attempts if one.recording == name])

        return RecordingFigures(
            name,
            kind,
            None if self.people is None else self.people.person(name),
            name in self.tuned_on,
            share(self.tried.attempts),
            share(self.tried.approaches),
        )

    def worst_recording(self, kind: str) -> RecordingFigures | None:
        """The one with most errors; of attacks, that is the APCER of ISO/IEC 30107-3: the maximum over species."""
        return worst_of(self.recordings(kind))

    def impostors(self, kind: str) -> Impostors | None:
        """Attacks on the people whom they show; None when nobody is enrolled."""
        if self.people is None:
            return None
        named = [row.name for row in self.recordings(kind) if row.person is not None]
        return impostors(self.of(kind), named)

    def layer(self, layer: Layer, kind: str) -> LayerFigures:
        """What one layer said to a kind."""
        return layer_figures(layer, kind, self.of(kind))

    def judged_wrongly(self) -> list[Attempt]:
        """Attempts of the folder's kinds with a wrong verdict, for looking at them."""
        kinds = set(self.folder.kinds)
        return [one for one in self.tried.attempts if one.kind in kinds and one.verdict.live != (one.kind == REAL)]

    def scores(self, kind: str) -> list[float]:
        """The fused probability of liveness of each attempt."""
        return [attempt.verdict.liveness for attempt in self.of(kind)]

    def det(self) -> list[Point]:
        """The DET over the threshold of the texture layer, while the other layers' refusals stand."""
        return det(self.scores(REAL), {kind: self.scores(kind) for kind in self.attacks})

    def with_rejects(self) -> WithRejects:
        """Rates by picture: a picture without a verdict counts as refused, whatever it shows."""
        passed: dict[str, Share] = {}
        for kind in self.kinds:
            live = [attempt for attempt in self.of(kind) if attempt.verdict.live]
            passed[kind] = Share(sum(attempt.frames for attempt in live), self.tried.images[kind])
        genuine = passed.get(REAL, Share(0, 0))
        return WithRejects(
            {kind: passed[kind] for kind in self.attacks}, Share(genuine.of - genuine.count, genuine.of)
        )
