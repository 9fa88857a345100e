"""Compares regions around a face for the texture model, on the pictures that the gate accepts."""

from collections.abc import Callable, Sequence

from edge.domain.face import Frame
from edge.evaluation.pad.dataset import Folder
from edge.evaluation.pad.footage import Sampling, expected, shots
from edge.vision.antispoof import AntiSpoof
from edge.vision.image import FrameImage
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline


def sweep(
    folder: Folder,
    store: ModelStore,
    pipeline: Pipeline,
    scales: Sequence[float],
    sampling: Sampling,
    progress: Callable[[int, int], None],
) -> dict[str, list[list[float]]]:
    """Probabilities of liveness by kind, one list for each of `scales`; what cannot be read is left out."""
    model = AntiSpoof(store.load(Role.ANTISPOOF))
    found: dict[str, list[list[float]]] = {kind: [[] for _ in scales] for kind in folder.kinds}
    sizes = [expected(clip, sampling.rate) for clip in folder.clips]
    done = 0
    for clip, size in zip(folder.clips, sizes, strict=True):
        for shot in shots(clip, sampling):
            if shot.pixels is None:
                continue
            sight = pipeline.look(Frame(shot.pixels, 0))
            if sight.box is None or sight.probe is None:
                continue
            for scale, lives in zip(scales, found[clip.kind], strict=True):
                lives.append(model.over(FrameImage(shot.pixels), sight.box, scale))
        done += size
        progress(done, sum(sizes))
    return found
