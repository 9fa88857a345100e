"""Everybody who is matched at a terminal: the gallery in force, its threshold, and who has a lookalike."""

from collections.abc import Mapping

import numpy as np

from edge.domain.recognition.gallery import Gallery, threshold
from edge.domain.recognition.lookalike_index import Lookalikes


class EnrolledFaces:
    """Pure; one thread uses it."""

    def __init__(self, model_id: str, fmr_table: Mapping[float, float], target_fpir: float) -> None:
        """`fmr_table` holds the embedder's measured false match rates and their cosines, from the manifest."""
        self.gallery = Gallery.empty(model_id)
        self.threshold = 1.0
        """The least cosine that counts where a face is compared with everybody."""
        self._fmr_table, self._target_fpir = fmr_table, target_fpir
        self._shift = 0.0
        self._index = Lookalikes()

    @property
    def lookalikes(self) -> frozenset[str]:
        """People who are so similar to somebody else that their face alone does not count."""
        return self._index.people

    @property
    def searching(self) -> bool:
        """Whether the search for lookalikes has turns left."""
        return self._index.searching

    def __contains__(self, person: str) -> bool:
        return person in self.gallery.people

    def replace(self, gallery: Gallery, shift: float) -> bool:
        """Match these people from now on; False when nobody's face and no threshold is another than before.

        `shift` is the cosine by which the site's calibration moves every threshold.
        """
        self._shift = shift
        asked = self.asked(gallery.size)
        if asked == self.threshold and _same(gallery, self.gallery):
            return False
        self.gallery, self.threshold = gallery, asked
        self._index.enrolled(gallery, asked)
        return True

    def asked(self, people: int) -> float:
        """The least cosine that counts where a face is compared with so many people."""
        return min(threshold(people, self._fmr_table, self._target_fpir) + self._shift, 1.0)

    def search_lookalikes(self) -> bool:
        """One turn of the search for lookalikes; False when none was left."""
        return self._index.search_on()


def _same(one: Gallery, other: Gallery) -> bool:
    return one.people == other.people and np.array_equal(one.matrix, other.matrix)
