"""One probe against N templates: `Gallery.best` and faiss `IndexFlatIP` in turn, in one process, on one thread.

Runs in the peers' environment with the checkout on its path (the matcher is numpy alone): `python -m
tests.bench.peers.faiss_search DIMENSION N…`. Prints JSON: for each N [ours, faiss] in ms (medians), same (whether
both named the same person every time).
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import faiss
import numpy as np

from edge.domain.face import Probe
from edge.domain.recognition.gallery import Gallery


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main(dimension: int, sizes: list[int]) -> None:
    """Measure."""
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {}
    same = True
    for size in sizes:
        rows = rng.normal(size=(size, dimension)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        gallery = Gallery.of("model", ((str(n), row[None]) for n, row in enumerate(rows)))
        index = faiss.IndexFlatIP(dimension)
        index.add(rows)
        ours, theirs = [], []
        for turn in range(max(40, 300_000 // size)):
            near = rows[rng.integers(size)] + rng.normal(0, 0.02, dimension).astype(np.float32)
            near /= np.linalg.norm(near)
            probe = Probe(near, "model", 1.0, 1.0)
            # Each goes first half of the time: whoever does finds the caches as the last round left them.
            if turn % 2:
                theirs.append(_timed(lambda: index.search(near[None], 2)))  # noqa: B023 - called at once
                ours.append(_timed(lambda: gallery.best(probe)))  # noqa: B023
            else:
                ours.append(_timed(lambda: gallery.best(probe)))  # noqa: B023
                theirs.append(_timed(lambda: index.search(near[None], 2)))  # noqa: B023
            best = gallery.best(probe)
            same = same and best is not None and best.person == str(index.search(near[None], 1)[1][0][0])
        found[str(size)] = [statistics.median(ours) * 1000, statistics.median(theirs) * 1000]
    print(json.dumps({"ms": found, "same": same}))


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(word) for word in sys.argv[2:]])
