"""Who tries too often: one approach is one attempt, and the face that fails is paused, not the door.

NIST SP 800-63B-4 allows five failures in a row against one claimed identity. Before a camera nobody claims one, so
what fails is a face: it is remembered for as long as it would pause, in memory alone, and compared with faces that
stand there later. Nobody else waits for it. What all strangers together may guess is bounded apart from that:
beyond it only who is surely recognised is let in (docs/adr/0011-attempts.md has the sums).

Pure; instants are the frames' own, in milliseconds.
"""

from dataclasses import dataclass

from edge.domain.face import Floats

SPELLS = 5
"""Failed ones in a row before a face is paused: each an approach, or 2.5 s of one that stays."""
PAUSE_MS = 33_000
"""NIST asks for 30 s; a little more, so that one face alone never uses up what the door may spend on life."""
GUESSES, GUESS_EVERY_MS = 10, 12_000
"""Attempts by unknown faces at the usual threshold: so many at once, then one each so often."""
LIVES, LIFE_EVERY_MS = 5, 9_000
"""The same for faces that were like somebody and not alive."""
MOST = 64
"""Faces remembered; the one that failed longest ago goes first."""
ALIKE, BEYOND = 0.47, 0.064
"""Cosines, where the model's own table is not at hand."""
RUN_MS, QUIET_MS = 3_600_000, 900_000
"""Pauses for so long, and never so long without one: somebody should go and look."""


class _Allowance:
    """A bucket that fills by itself."""

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
    """Forgotten then; paused until then from SPELLS on."""
    lifeless: bool = False
    """It was like somebody and not alive: it may be a picture of them."""
    turns: int = 0
    """Turns of the head that failed while it was paused."""


class Attempts:
    """What several deciders at one door share."""

    def __init__(self, alike: float = ALIKE, beyond: float = BEYOND) -> None:
        """`alike`: cosine from which on two pictures show one face; `beyond`: what the surely recognised exceed."""
        self.beyond = beyond
        self.pauses = 0
        """Begun so far."""
        self._alike = alike
        self._failing: list[_Failing] = []
        self._guesses, self._lives = _Allowance(GUESSES, GUESS_EVERY_MS), _Allowance(LIVES, LIFE_EVERY_MS)
        self._since_ms: int | None = None
        self._last_ms = 0

    def admit(self, face: Floats, now_ms: int) -> bool:
        """Spend one guess on a face; False: it is recognised only surely, for the time being.

        One that failed just now leaves half of the guesses to others.
        """
        kept = 1.0 if self._known(face, now_ms) is None else 1.0 + self._guesses.most / 2
        if self._guesses.left(now_ms) < kept:
            return False
        self._guesses.take(now_ms)
        return True

    def unspent(self) -> None:
        """The guess led to somebody: it was none."""
        self._guesses.give_back()

    def paused(self, face: Floats, likeness: float, now_ms: int) -> bool:
        """Whether a face waits. `likeness` is its cosine to the most alike person enrolled: who is more like them
        than like the face that failed is not that one."""
        known = self._known(face, now_ms)
        return known is not None and known.spells >= SPELLS and float(known.face @ face) >= likeness

    def portrayed(self, face: Floats, now_ms: int) -> bool:
        """Whether the face that failed may be a picture of who stands there: whom it shows does not wait for it.

        After SPELLS turns of the head that failed nobody with that face is asked for one until the pause is over.
        """
        known = self._known(face, now_ms)
        return known is not None and known.lifeless and known.turns < SPELLS

    def failed(self, face: Floats, now_ms: int, *, lifeless: bool = False, turn: bool = False) -> bool:
        """Count a failed spell of a face; True when its pause begins. `lifeless`: it was like somebody.

        `turn`: what failed is a turn of the head. Of a face that is paused it is a spell, too, and the fifth begins
        the pause anew.
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
        """A recognised face ends its row."""
        self._failing = [one for one in self._failing if float(one.face @ face) < self._alike]

    def must_prove(self, now_ms: int) -> bool:
        """Whether so many were not alive lately that who is recognised must turn their head as well."""
        return self._lives.left(now_ms) < 1.0

    def lasting(self, now_ms: int) -> bool:
        """Whether faces have been paused again and again for an hour."""
        self._forget(now_ms)
        going_on = self._since_ms is not None and now_ms - self._last_ms <= QUIET_MS
        return going_on and self._last_ms - (self._since_ms or 0) >= RUN_MS

    def _known(self, face: Floats, now_ms: int) -> _Failing | None:
        """The remembered face that is most like this one, if it is the same."""
        self._forget(now_ms)
        alike = [one for one in self._failing if float(one.face @ face) >= self._alike]
        return max(alike, key=lambda one: float(one.face @ face), default=None)

    def _forget(self, now_ms: int) -> None:
        self._failing = [one for one in self._failing if now_ms < one.until_ms]
