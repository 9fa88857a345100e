"""Who looks like somebody else among everyone enrolled, kept while people come, change and go.

What was compared once is not compared again: a search of a large gallery takes many turns, and goes on from the
rows that changed. Pure: one thread uses it.
"""

import hashlib
from collections.abc import Iterator

from edge.domain.recognition.gallery import Gallery
from edge.domain.recognition.lookalikes import close_rows

MARGIN = 0.02
"""Cosine below the threshold down to which pairs are kept: it moves a little with each person who comes or goes."""


class Lookalikes:
    """The pairs of a gallery that changes."""

    def __init__(self) -> None:
        self.people: frozenset[str] = frozenset()
        """Who is known to look like another. Who was found before counts until they are compared again."""
        self._gallery = Gallery.empty("")
        self._asked = self._floor = 1.0
        self._rows: dict[str, bytes] = {}
        """A digest of each person's rows."""
        self._pairs: dict[tuple[str, str], float] = {}
        self._open: set[str] = set()
        """Whose rows are still to be compared."""
        self._search: Iterator[tuple[list[str], dict[tuple[str, str], float]]] | None = None

    @property
    def searching(self) -> bool:
        """Whether turns are left."""
        return self._search is not None

    def enrolled(self, gallery: Gallery, asked: float) -> None:
        """These are matched from now on, `asked` being the threshold (a cosine) between two people."""
        rows = _digests(gallery)
        self._gallery, self._asked = gallery, asked
        if asked < self._floor or asked > self._floor + 2 * MARGIN:
            self._floor = asked - MARGIN
            self._open, self._pairs = set(rows), {}
        else:
            changed = {person for person, digest in rows.items() if self._rows.get(person) != digest}
            self._open = {person for person in self._open if person in rows} | changed
            self._pairs = {
                pair: score
                for pair, score in self._pairs.items()
                if all(one in rows and one not in changed for one in pair)
            }
        self._rows = rows
        self._search = close_rows(gallery, self._floor, frozenset(self._open))
        self._tell(frozenset(rows))

    def search_on(self) -> bool:
        """One turn; False when there was none left."""
        turn = None if self._search is None else next(self._search, None)
        if turn is None:
            self._search = None
            return False
        compared, pairs = turn
        self._pairs |= pairs
        self._open -= set(compared)
        self._tell(self.people)
        return True

    def _tell(self, before: frozenset[str]) -> None:
        here = {one for pair, score in self._pairs.items() if score >= self._asked for one in pair}
        waiting = self.people & before if self._open else frozenset()
        self.people = frozenset(here) | waiting


def _digests(gallery: Gallery) -> dict[str, bytes]:
    made = [hashlib.blake2b(digest_size=16) for _ in gallery.people]
    for owner, row in zip(gallery.owners.tolist(), gallery.matrix, strict=True):
        made[owner].update(row.tobytes())
    return {person: digest.digest() for person, digest in zip(gallery.people, made, strict=True)}
