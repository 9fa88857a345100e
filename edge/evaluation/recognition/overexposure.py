"""The effect of over-exposure, from which the gate's limit on it comes.

For each of some people, `python -m edge.evaluation.recognition.overexposure DIR` takes one photograph as the
template and brightens another step by step, as a sensor would: light times a gain, then clipped. The table has one
line for each band of the share of burnt-out pixels. `--attacks DIR` brightens the pictures of `evaluate-pad`'s
folder instead: burnt-out paper has lost what distinguishes it from skin.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from edge.domain.face import Floats, Frame, Pixels
from edge.domain.pad.verdict import pad_verdict
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.quality import ENROLMENT_LIMITS, QualityLimits
from edge.errors import PhotoError
from edge.evaluation.pad.dataset import read_folder
from edge.evaluation.recognition.dataset import Album, read_album
from edge.resources import models_directory
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

GAINS = (1.0, 1.4, 1.8, 2.2, 2.6, 3.0, 3.5, 4.0, 5.0, 6.0)
BANDS = (0.0, 0.001, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.9, 1.01)
PAD_GAINS = (2.0, 3.0, 4.5, 7.0)
PAD_BANDS = (0.0, 0.05, 0.25, 0.5, 1.01)
UNLIMITED = replace(QualityLimits(), luminance_max=256.0, clipped=1.0)
"""The gate without its limit on too much light."""
_GAMMA = 2.2
"""A curve close to sRGB's."""


@dataclass(frozen=True, slots=True)
class Brightened:
    """One picture at one gain."""

    clipped: float
    luminance: float
    genuine: float
    """Cosine to the person's own template."""
    stranger: float
    """Cosine to the most similar of the others' templates."""


def brighten(pixels: Pixels, gain: float) -> Pixels:
    """The same (h, w, 3) picture with `gain` times the light."""
    light = (pixels / 255.0) ** _GAMMA * gain
    return np.asarray((np.clip(light, 0, 1) ** (1 / _GAMMA) * 255).round(), np.uint8)


def pairs(album: Album, pipeline: Pipeline, people: int, seed: int) -> tuple[Floats, list[Pixels]]:
    """The templates (n, d) and another photograph of each of up to `people` people, both fit for enrolment."""
    person = np.asarray(album.person)
    templates: list[Floats] = []
    others: list[Pixels] = []
    for chosen in np.random.default_rng(seed).permutation(len(album.people)):
        fit: list[tuple[Floats, Pixels]] = []
        for row in np.flatnonzero(person == chosen)[:6]:
            try:
                pixels = load_photo(album.files[row])
            except PhotoError:
                continue
            study = pipeline.study(Frame(pixels, 0))
            if study is not None and pipeline.gate(study, ENROLMENT_LIMITS) is None:
                fit.append((study.template.vector, pixels))
            if len(fit) == 2:
                templates.append(fit[0][0])
                others.append(fit[1][1])
                break
        if len(templates) == people:
            break
    return np.stack(templates) if len(templates) > 1 else np.zeros((0, 0), np.float32), others


def measure(templates: Floats, others: list[Pixels], pipeline: Pipeline) -> list[Brightened]:
    """Every picture at every gain that still shows a face and passes everything except the gate's limit on
    light.
    """
    found = []
    for own, pixels in enumerate(others):
        for gain in GAINS:
            study = pipeline.study(Frame(brighten(pixels, gain), 0))
            if study is None or pipeline.gate(study, UNLIMITED) is not None:
                continue
            scores = templates @ study.probe.vector
            strangers = np.delete(scores, own).max()
            measures = study.measures
            found.append(Brightened(measures.clipped, measures.luminance, float(scores[own]), float(strangers)))
    return found


def attacks(directory: Path) -> int:
    """Print how many of the brightened pictures of each kind pass as live, each an attempt of its own."""
    pipeline, live = Pipeline(ModelStore(models_directory()), UNLIMITED, wide_every=1), DecisionPolicy().liveness
    folder = read_folder(directory)
    for kind in folder.kinds:
        seen: list[tuple[float, bool]] = []
        for file in [clip.files[0] for clip in folder.clips if clip.kind == kind and not clip.film][::3]:
            pixels = load_photo(file)
            for gain in PAD_GAINS:
                frame = Frame(brighten(pixels, gain), 0)
                study, probe = pipeline.study(frame), pipeline.look(frame).probe
                if study is not None and probe is not None:
                    seen.append((study.measures.clipped, pad_verdict([probe], live=live).live))
        for low, high in pairwise(PAD_BANDS):
            passed = [alive for clipped, alive in seen if low <= clipped < high]
            print(f"{kind}, {low:g} to {min(high, 1.0):g} burnt out: {sum(passed)} of {len(passed)} pass as live")
    return 0


def main(words: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m edge.evaluation.recognition.overexposure", description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("--attacks", type=Path, metavar="DIR")
    parser.add_argument("--people", type=int, default=110)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    if arguments.attacks is not None:
        return attacks(arguments.attacks)
    if arguments.directory is None:
        parser.error("name a folder of people, or --attacks DIR")
    pipeline = Pipeline(ModelStore(models_directory()), QualityLimits())
    templates, others = pairs(read_album(arguments.directory), pipeline, arguments.people, arguments.seed)
    found = measure(templates, others, pipeline)
    print("| burnt out | pictures | luminance | genuine: 5 % below | median | under 0.45 | strangers: 1 % above |")
    print("|---|---|---|---|---|---|---|")
    for low, high in pairwise(BANDS):
        band = [one for one in found if low <= one.clipped < high]
        if not band:
            continue
        genuine = np.array([one.genuine for one in band])
        strangers = np.percentile([one.stranger for one in band], 99)
        print(
            f"| {low:.3g} to {min(high, 1.0):.3g} | {len(band)} | {np.median([one.luminance for one in band]):.0f} "
            f"| {np.percentile(genuine, 5):.2f} | {np.median(genuine):.2f} | {100 * (genuine < 0.45).mean():.1f} % "
            f"| {strangers:.2f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
