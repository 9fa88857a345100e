"""Whom the terminal would recognise in an attack: the enrolled people of an evaluation."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from edge.config_schema import Recognition
from edge.domain.face import Floats, Frame, Pixels, Probe
from edge.domain.recognition.approach import fuse, one_face
from edge.domain.recognition.gallery import Gallery, threshold
from edge.domain.recognition.lookalikes import strangers
from edge.errors import EvaluationError
from edge.evaluation.pad.attempts import TakenFor
from edge.evaluation.pad.dataset import FILMS, REAL, Clip, Folder, subject
from edge.evaluation.pad.footage import Sampling, expected, shots
from edge.vision.photo import SUFFIXES
from edge.vision.pipeline import Pipeline

MOST = 10
"""Most templates of a person: more photographs add little."""
_LOOKED_AT = 40
"""Pictures of a recording that are tried, evenly over it, until there are so many templates."""
Pictures = Callable[[], Iterator[Pixels | None]]
"""The pictures of a person, one after another, as often as they are asked for; None for what cannot be read."""


@dataclass(frozen=True, slots=True, eq=False)
class AttackedPeople:
    """Enrolled people, and whom each recording shows."""

    gallery: Gallery
    threshold: float
    margin: float
    shown: Mapping[str, str]
    """Recording to person; a recording that is missing shows nobody who is known."""
    notes: Mapping[str, str]
    """People who could not be enrolled, or not as the terminal would have it, and why."""

    def person(self, recording: str) -> str | None:
        """The enrolled person whom a recording shows; None for nobody."""
        person = self.shown.get(recording)
        return person if person in self.gallery.people else None

    def identify(self, recording: str, probes: list[Probe]) -> TakenFor:
        """Whom the terminal would take these frames for, if they were live."""
        fused = fuse(probes)
        best = self.gallery.best(fused)
        if best is None or not one_face(probes):
            return TakenFor.NOBODY
        alike = all((own := self.gallery.best(one)) is not None and own.person == best.person for one in probes)
        sure = best.score >= self.threshold + fused.demand + best.demand
        if not alike or not sure or best.score - best.runner_up < self.margin:
            return TakenFor.NOBODY
        return TakenFor.SHOWN if best.person == self.person(recording) else TakenFor.OTHER

    def fingerprint(self, recording: str) -> str:
        """A digest of all that `identify` depends on for a recording."""
        whole = hashlib.sha256(self.gallery.matrix.tobytes())
        whole.update(repr((self.gallery.people, self.threshold, self.margin, self.person(recording))).encode())
        return whole.hexdigest()


def enrol(
    people: Mapping[str, Pictures],
    pipeline: Pipeline,
    fmr: Mapping[float, float],
    margin: float,
    shown: Mapping[str, str],
    progress: Callable[[int, int], None],
) -> AttackedPeople:
    """Enrol people with up to ten pictures each that the enrolment gate lets through.

    Somebody without any is enrolled with those that the usual gate lets through, which is noted: an attack that
    would be recognised is not to be missed because the film of the person was too dark. `pipeline` has the usual
    limits; `fmr` is the embedder's table. Raises EvaluationError when nobody can be enrolled.
    """
    templates: list[tuple[str, Floats]] = []
    notes: dict[str, str] = {}
    for done, (person, pictures) in enumerate(people.items(), 1):
        probes, refused = _templates(pictures(), pipeline.enrolling())
        why = ", ".join(f"{count} {reason}" for reason, count in refused.most_common())
        if not probes:
            probes, _ = _templates(pictures(), pipeline)
            notes[person] = f"enrolled in spite of the enrolment gate, which refuses every picture ({why})"
        progress(done, len(people))
        if not probes:
            notes[person] = f"not enrolled: no picture can be used ({why})"
        elif strangers(np.stack(probes)) is not None:
            notes[person] = "not enrolled: the pictures do not show one person"
        else:
            templates.append((person, np.stack(probes)))
    if not templates:
        said = "; ".join(f"{person}: {why}" for person, why in notes.items())
        raise EvaluationError(
            f"nobody could be enrolled ({said}); give sharp, frontal photographs in good light, in one folder for "
            "each person"
        )
    gallery = Gallery.of(pipeline.embedder_id, templates)
    return AttackedPeople(gallery, threshold(gallery.size, fmr, Recognition().target_fpir), margin, shown, notes)


def people_of(directory: Path) -> dict[str, Pictures]:
    """The photographs and films of each person: one folder a person. Raises EvaluationError when there are none."""
    folders = sorted(entry for entry in directory.iterdir() if entry.is_dir()) if directory.is_dir() else []
    clips = {folder.name: [clip for file in sorted(folder.iterdir()) for clip in _clip(file)] for folder in folders}
    people: dict[str, Pictures] = {name: partial(_spread, mine) for name, mine in clips.items() if mine}
    if not people:
        raise EvaluationError(
            f"{directory}: no folder with a JPEG, a PNG or a film in it; give --enrol a folder with one folder "
            "of photographs for each person"
        )
    return people


def people_in(folder: Folder) -> dict[str, Pictures]:
    """The genuine people of the measured folder, by the folder or film that shows them. Raises EvaluationError."""
    clips: dict[str, list[Clip]] = {}
    for clip in folder.clips:
        name = subject(clip.recording)
        if clip.kind == REAL and name is not None:
            clips.setdefault(name, []).append(clip)
    if not clips:
        raise EvaluationError(
            f"--enrol-from {REAL}: {REAL}/ holds no folder and no film of a person; put what shows somebody into a "
            "folder of their name, or name a film so"
        )
    return {name: partial(_spread, mine) for name, mine in clips.items()}


def _clip(file: Path) -> Iterator[Clip]:
    if file.suffix.lower() in SUFFIXES | FILMS:
        yield Clip(REAL, file.name, (file,), () if file.suffix.lower() in FILMS else (0,))


def _templates(pictures: Iterator[Pixels | None], pipeline: Pipeline) -> tuple[list[Floats], Counter[str]]:
    """Embeddings of the pictures that the gate lets through, and why it refused the others."""
    good: list[Floats] = []
    refused: Counter[str] = Counter()
    for pixels in islice(pictures, _LOOKED_AT):
        sight = None if pixels is None else pipeline.look(Frame(pixels, 0))
        if sight is None:
            refused["unreadable"] += 1
        elif sight.probe is None:
            refused[str(sight.reason or "no-face")] += 1
        else:
            good.append(sight.probe.embedding)
    return [good[n * len(good) // MOST] for n in range(MOST)] if len(good) > MOST else good, refused


def _spread(clips: Sequence[Clip]) -> Iterator[Pixels | None]:
    """Pictures of a person's clips, evenly over them; None for what cannot be read."""
    files = [(clip, file) for clip in clips if not clip.film for file in clip.files]
    films = [clip for clip in clips if clip.film]
    share = _LOOKED_AT // (len(films) + bool(files)) or 1
    few = files[:: -(-len(files) // share)] if files else []
    stills = [Clip(clip.kind, clip.recording, (file,), (0,)) for clip, file in few]
    for clip in (*stills, *films):
        # So many a second that the film is covered whole.
        rate = share / max(expected(clip, 1.0), 1)
        yield from (shot.pixels for shot in shots(clip, Sampling(rate=rate)))
