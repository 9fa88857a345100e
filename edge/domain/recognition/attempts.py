"""Limits on repeated attempts: one approach is one attempt, and the face that fails is paused, not the door.

NIST SP 800-63B-4 allows five failures in a row against one claimed identity. Before a camera nobody claims an
identity, so the failures of a face are counted: the face is remembered in memory alone, for as long as it would be
paused, and compared with faces that come later. Nobody else waits for it. A second limit bounds the guesses of all
strangers together: beyond it, only people who are surely recognised are accepted (docs/adr/0011-attempts.md has the
calculation).

Pure; instants are the frames' own, in milliseconds.
"""

from dataclasses import dataclass

from edge.domain.face import Floats

SPELLS = 5
"""Failed attempts in a row before a face is paused. An attempt is an approach, or 2.5 s of one that stays."""
PAUSE_MS = 33_000
"""Length of a pause. NIST asks for 30 s; it is a little longer, so that one face alone never uses up the guesses
for lifeless faces.
"""
GUESSES, GUESS_EVERY_MS = 10, 12_000
"""Guesses of unknown faces at the usual threshold: this many at once, then one in each such interval."""
LIVES, LIFE_EVERY_MS = 5, 9_000
"""The same for faces that are like an enrolled person and not alive."""
MOST = 64
"""Number of faces that are remembered; the face that failed longest ago is dropped first."""
ALIKE, BEYOND = 0.47, 0.064
"""Cosines that are used when the model's own table is not at hand."""
RUN_MS, QUIET_MS = 3_600_000, 900_000
"""Faces have been paused for so long, without a break of this length: the alarm asks somebody to go and look."""


class _Allowance:
    """A token bucket: it fills with time."""

    def __init__(self, most: int, every_ms: int) -> None:
        self.most = most
        self._every_ms, self._left, self._at_ms = every_ms, float(most), 0

    def left(self, now_ms: int) -> float:
        self._left = min(self._left + max(now_ms - self._at_ms, 0) / self._every_ms, self.most)
        self._at_ms = max(now_ms, self._at_ms)
        return self._left

    def take(self, now_ms: int) -> None:
        self._left = max(self.left(now_ms) - 1, 0.0)

    def give_back(self) -> None:
        self._left = min(self._left + 1, self.most)


@dataclass(slots=True, eq=False, repr=False)
class _Failing:
    """A face that failed."""

    face: Floats
    spells: int
    until_ms: int
    """The instant at which it is forgotten; from SPELLS failures on, it is paused until then."""
    lifeless: bool = False
    """The face was like an enrolled person and not alive: it may be a picture of that person."""
    turns: int = 0
    """Failed turns of the head during the pause."""


class Attempts:
    """Attempts at one door, shared by everything that decides there."""

    def __init__(self, alike: float = ALIKE, beyond: float = BEYOND) -> None:
        """`alike`: cosine from which two pictures show one face. `beyond`: the score above which a person is surely
        recognised.
        """
        self.beyond = beyond
        self.pauses = 0
        """Number of pauses that have begun."""
        self._alike = alike
        self._failing: list[_Failing] = []
        self._guesses, self._lives = _Allowance(GUESSES, GUESS_EVERY_MS), _Allowance(LIVES, LIFE_EVERY_MS)
        self._since_ms: int | None = None
        self._last_ms = 0

    def admit(self, face: Floats, now_ms: int) -> bool:
        """Spend one guess on a face. False: for now the face is accepted only if surely recognised.

        A face that failed just now leaves half of the guesses to others.
        """
        kept = 1.0 if self._known(face, now_ms) is None else 1.0 + self._guesses.most / 2
        if self._guesses.left(now_ms) < kept:
            return False
        self._guesses.take(now_ms)
        return True

    def unspent(self) -> None:
        """Give a guess back: the face was recognised, so that it was no guess."""
        self._guesses.give_back()

    def paused(self, face: Floats, likeness: float, now_ms: int) -> bool:
        """Whether a face is paused. `likeness` is its cosine to the most similar enrolled person: a face that is
        more like that person than like the face that failed is another face.
        """
        known = self._known(face, now_ms)
        return known is not None and known.spells >= SPELLS and float(known.face @ face) >= likeness

    def portrayed(self, face: Floats, now_ms: int) -> bool:
        """Whether the face that failed may be a picture of the person before the camera. That person does not wait
        for it.

        After SPELLS failed turns of the head, nobody with that face is asked for a turn until the pause is over.
        """
        known = self._known(face, now_ms)
        return known is not None and known.lifeless and known.turns < SPELLS

    def failed(self, face: Floats, now_ms: int, *, lifeless: bool = False, turn: bool = False) -> bool:
        """Count a failed spell of a face; True when its pause begins. `lifeless`: the face was like an enrolled
        person.

        `turn`: a turn of the head failed. For a paused face it counts as a spell, too, and the fifth begins the
        pause anew.
        """
        if lifeless:
            self._lives.take(now_ms)
        known = self._known(face, now_ms)
        if known is None:
            known = _Failing(face, 0, 0)
            self._failing = [*self._failing, known][-MOST:]
        known.lifeless = known.lifeless or lifeless
        if known.spells >= SPELLS:
            known.turns += turn
            if turn and known.turns == SPELLS:
                known.until_ms = now_ms + PAUSE_MS
            return False
        known.spells, known.until_ms = known.spells + 1, now_ms + PAUSE_MS
        if known.spells < SPELLS:
            return False
        self.pauses += 1
        if self._since_ms is None or now_ms - self._last_ms > QUIET_MS:
            self._since_ms = now_ms
        self._last_ms = now_ms
        return True

    def succeeded(self, face: Floats) -> None:
        """Forget the failures of a face that was recognised."""
        self._failing = [one for one in self._failing if float(one.face @ face) < self._alike]

    def must_prove(self, now_ms: int) -> bool:
        """Whether so many faces were not alive lately that a recognised person must turn their head as well."""
        return self._lives.left(now_ms) < 1.0

    def lasting(self, now_ms: int) -> bool:
        """Whether faces have been paused again and again for an hour."""
        self._forget(now_ms)
        going_on = self._since_ms is not None and now_ms - self._last_ms <= QUIET_MS
        return going_on and self._last_ms - (self._since_ms or 0) >= RUN_MS

    def _known(self, face: Floats, now_ms: int) -> _Failing | None:
        """The remembered face that is most similar to this one, if it is the same face."""
        self._forget(now_ms)
        alike = [one for one in self._failing if float(one.face @ face) >= self._alike]
        return max(alike, key=lambda one: float(one.face @ face), default=None)

    def _forget(self, now_ms: int) -> None:
        self._failing = [one for one in self._failing if now_ms < one.until_ms]
