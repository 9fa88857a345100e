"""Compares regions around a face for the texture model, on the pictures that the gate accepts."""

from collections.abc import Callable, Sequence

from edge.domain.face import Frame
from edge.errors import PhotoError
from edge.evaluation.pad.dataset import Folder
from edge.vision.antispoof import AntiSpoof
from edge.vision.image import FrameImage
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline


def sweep(
    folder: Folder,
    store: ModelStore,
    pipeline: Pipeline,
    scales: Sequence[float],
    progress: Callable[[int, int], None],
) -> dict[str, list[list[float]]]:
    """Probabilities of liveness by kind, one list for each of `scales`; unreadable pictures are left out."""
    model = AntiSpoof(store.load(Role.ANTISPOOF))
    found: dict[str, list[list[float]]] = {kind: [[] for _ in scales] for kind in folder.kinds}
    files = [(clip.kind, file) for clip in folder.clips for file in clip.files]
    for done, (kind, file) in enumerate(files, 1):
        progress(done, len(files))
        try:
            pixels = load_photo(file)
        except PhotoError:
            continue
        sight = pipeline.look(Frame(pixels, 0))
        if sight.box is None or sight.probe is None:
            continue
        for scale, lives in zip(scales, found[kind], strict=True):
            lives.append(model.over(FrameImage(pixels), sight.box, scale))
    return found
