"""Fit the weights of edge/domain/pad/fusion.py again, and say what they would be without each recording.

    python models/fit_fusion.py --videos screens-dev@15 nuaa-dev@20 --portraits lfw-dev

Each DIR@FPS is a folder as `smartclocker evaluate-pad` takes it: real/ and a folder for each kind of attack, with
folders of pictures, so many a second, in them. --portraits is a folder of genuine photographs. The pictures go
through the product's own pipeline; from the genuine ones, displays held before the camera and prints are drawn.
Everything random has a seed: the same pictures give the same numbers. This needs face data, which is no part of the
project; models/pad-fusion.md says on which data the weights were fitted.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.domain.face import Box, Frame, Pixels
from edge.domain.pad import fusion
from edge.domain.pad.verdict import Layer, PadVerdict, Vote, pad_verdict
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.quality import QualityLimits
from edge.evaluation.pad.dataset import REAL, Clip, Folder, read_folder
from edge.evaluation.pad.experiment import PadTrial, measure
from edge.evaluation.pad.held_display import held_display
from edge.evaluation.pad.simulated_attacks import held_up
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

HERE = Path(__file__).resolve().parent
PORTRAITS, DISPLAYS, PICTURES = 1500, 600, 250
"""Photographs that are drawn by the seed, and simulated attacks of each kind."""
SIMULATED = 2.0
"""Weight of a kind of simulated attacks: of so many recordings."""
STIFF = 5.0
"""Strength of the pull of the weights to 0, where all attempts weigh 100."""
_MEASURES = ("texture", "wide", "enclosed")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """An attempt: where it comes from, and what was measured."""

    recording: str
    alive: bool
    evidence: tuple[float, float, float]
    weight: float = 1.0
    """Of the whole recording."""


def main() -> int:
    """Measure, fit, and print the weights with the wrong verdicts, with and without each recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", nargs="+", required=True, metavar="DIR@FPS")
    parser.add_argument("--portraits", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    store = ModelStore(HERE)
    films = Pipeline(store, QualityLimits())
    stills = Pipeline(store, QualityLimits(), wide_every=1)
    cases, genuine = [], []
    for text in arguments.videos:
        name, _, fps = text.partition("@")
        folder = read_folder(Path(name), float(fps))
        cases += _measured(folder, PadTrial(films, DecisionPolicy(), stills))
        genuine += [file for clip in folder.clips if clip.kind == REAL for file in clip.files]
    portraits = _drawn(sorted(arguments.portraits.rglob("*.jpg")), PORTRAITS)
    clips = tuple(Clip(REAL, f"{REAL}/{arguments.portraits.name}", (file,), (0,)) for file in portraits)
    cases += _measured(Folder((REAL,), clips, 0), PadTrial(films, DecisionPolicy(), stills))
    rooms = _drawn(genuine, len(genuine)) + portraits
    cases += _simulated("simulated/display", DISPLAYS, rooms, stills, _display)
    cases += _simulated("simulated/picture", PICTURES, rooms, stills, _picture)
    _report(cases)
    return 0


def _measured(folder: Folder, trial: PadTrial) -> list[Case]:
    tried = measure(folder, trial, lambda _done, _of: None)
    return [Case(one.recording, one.kind == REAL, _evidence(one.verdict)) for one in tried.attempts]


def _evidence(verdict: PadVerdict) -> tuple[float, float, float]:
    """As in the product, out of the opinions that it keeps."""

    def said(layer: Layer) -> float | None:
        opinion = verdict.opinions[layer]
        return None if opinion.vote is Vote.ABSTAIN else opinion.suspicion

    texture, border = said(Layer.TEXTURE), said(Layer.BORDER)
    wide = [] if border is None else [1 - border]
    return fusion.evidence(0.0 if texture is None else 1 - texture, wide, said(Layer.ENCLOSURE))


def _drawn(files: list[Path], count: int) -> list[Path]:
    order = np.random.default_rng(1).permutation(len(files))[:count]
    return [files[number] for number in order]


def _simulated(
    name: str,
    count: int,
    files: list[Path],
    pipeline: Pipeline,
    draw: Callable[[Pixels, Box, Pixels, np.random.Generator], Pixels],
) -> list[Case]:
    rng, cases = np.random.default_rng(7), []
    for _ in range(5 * count):
        pixels, room = (load_photo(files[rng.integers(len(files))]) for _ in range(2))
        faces = pipeline.detect(Frame(pixels, 0))
        if not faces:
            continue
        face = max((face.box for face in faces), key=lambda box: box.height)
        probe = pipeline.look(Frame(draw(pixels, face, room, rng), 0)).probe
        if probe is not None:
            cases.append(Case(name, False, _evidence(pad_verdict([probe])), SIMULATED))
        if len(cases) == count:
            break
    return cases


def _display(pixels: Pixels, face: Box, room: Pixels, rng: np.random.Generator) -> Pixels:
    return held_display(pixels, face, room, rng)


def _picture(pixels: Pixels, face: Box, _room: Pixels, rng: np.random.Generator) -> Pixels:
    return held_up(pixels, face, rng)


def _fit(cases: list[Case]) -> Numbers:
    """Logistic regression without a constant, its weights not negative: Newton's method on those that are free."""
    measures = np.array([case.evidence for case in cases])
    alive = np.array([case.alive for case in cases], np.float64)
    names = np.array([case.recording for case in cases])
    weights = np.array([case.weight / (names == case.recording).sum() for case in cases])
    for side in (alive == 0, alive == 1):
        weights[side] *= 50 / weights[side].sum()
    found = np.full(3, 0.3)
    for _ in range(200):
        chance = 1 / (1 + np.exp(-measures @ found))
        slope = measures.T @ (weights * (chance - alive)) + STIFF * found
        bend = (measures.T * (weights * chance * (1 - chance))) @ measures + STIFF * np.eye(3)
        free = (found > 0) | (slope < 0)
        step = np.zeros(3)
        step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope[free])
        new = np.maximum(0, found - step)
        if np.abs(new - found).max() < 1e-12:
            break
        found = new
    return found


def _wrong(cases: list[Case], weights: Numbers) -> str:
    wrong = sum((float(np.dot(case.evidence, weights)) >= 0) != case.alive for case in cases)
    return f"{wrong} of {len(cases)}"


def _report(cases: list[Case]) -> None:
    fitted = _fit(cases)
    print("weights: " + ", ".join(f"{name} {one:.3f}" for name, one in zip(_MEASURES, fitted, strict=True)))
    shipped = np.array([fusion.TEXTURE, fusion.WIDE, fusion.ENCLOSED])
    print("shipped: " + ", ".join(f"{name} {one:.3f}" for name, one in zip(_MEASURES, shipped, strict=True)))
    print("attempts on the wrong side, by the fusion alone (shipped weights; fitted; fitted without the recording)")
    for name in dict.fromkeys(case.recording for case in cases):
        its, others = ([case for case in cases if (case.recording == name) is here] for here in (True, False))
        without = _fit(others)
        print(
            f"{name}: {_wrong(its, shipped)}; {_wrong(its, fitted)}; {_wrong(its, without)} "
            f"({', '.join(f'{one:.2f}' for one in without)})",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
