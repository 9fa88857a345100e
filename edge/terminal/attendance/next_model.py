"""Learning for a coming model: it gets its templates from strong punches, so that a change of model needs no image
of anybody.
"""

import logging
from dataclasses import dataclass

from edge.domain.face import Frame
from edge.domain.people.consent import Policy
from edge.errors import PeopleError
from edge.people.people_store import People
from edge.terminal.attendance.punch_recorder import Identified
from edge.vision.embedder import Embedder
from edge.vision.pipeline import Pipeline

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class NextModelLearner:
    """The learner. It belongs to the attending thread, and is called after the cue, which it never delays."""

    pipeline: Pipeline
    coming: Embedder
    policy: Policy
    """The configured privacy policy."""
    learned: int = 0
    _failing: bool = False

    def __call__(self, people: People, who: Identified, frame: Frame) -> None:
        """Keep a template of a person who was surely recognised. A failure is logged once; the punch stands."""
        if not who.sure:
            return
        try:
            aligned = self.pipeline.aligned(frame)
            if aligned is None:
                return
            embedding = self.coming.embed(aligned, mirrored=True)
            self.learned += people.learn(who.person, self.coming.id, embedding.vector, self.policy)
        except (PeopleError, ArithmeticError) as error:
            if not self._failing:
                LOG.warning("the coming model learns nothing: %s", error)
            self._failing = True
