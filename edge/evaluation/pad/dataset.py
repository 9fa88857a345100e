"""The folder that `evaluate-pad` measures: `real/`, and beside it one folder for each kind of attack.

Each holds pictures and films, or folders of them (one for each subject, for example). Other files are counted, not
skipped silently. Users name recordings by their places in the folder, which also say whom each shows.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge.errors import EvaluationError, PhotoError
from edge.vision.photo import SUFFIXES

REAL = "real"
"""The folder of genuine faces."""
FILMS = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
)
"""What the names of films end in."""
_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True, slots=True)
class Clip:
    """What belongs together: a film, the pictures of one video in their order, or one picture alone."""

    kind: str
    recording: str
    """The recording that it is, or is part of, with its kind in front: `screen/ada`, `screen/ada/phone.mp4`."""
    files: tuple[Path, ...]
    """Pictures; or one film."""
    at_ms: tuple[int, ...]
    """Time of each picture, from the beginning of its video; 0 for a picture alone. Empty for a film: its frames
    have their own.
    """

    @property
    def film(self) -> bool:
        """Whether it is a film."""
        return not self.at_ms

    @property
    def alone(self) -> bool:
        """Whether it is a single picture."""
        return len(self.at_ms) == 1


@dataclass(frozen=True, slots=True)
class Folder:
    """Everything found."""

    kinds: tuple[str, ...]
    """`real` first when there is one, then the attacks by name."""
    clips: tuple[Clip, ...]
    other_files: int
    """Files that are neither picture nor film by their names, or lie in no folder of a kind."""

    @property
    def images(self) -> int:
        """Pictures in all clips, without the frames of films."""
        return sum(len(clip.at_ms) for clip in self.clips)

    @property
    def films(self) -> int:
        """Number of films."""
        return sum(clip.film for clip in self.clips)

    @property
    def recordings(self) -> tuple[str, ...]:
        """Names of all recordings, in the order of the kinds."""
        return tuple(dict.fromkeys(clip.recording for clip in self.clips))


def read_folder(directory: Path, fps: float | None = None) -> Folder:
    """Find the pictures and films below `directory`. Raises PhotoError when no folder of a kind has any, or one
    cannot be read.

    With `fps`, pictures whose names differ only in the number at their end (clip_12.jpg) are frames of one video,
    numbered from 0 at so many a second; without it, each stands alone. A film is a recording by itself. Pictures
    are one with the others of their folder; where they lie in the kind's own, with those of their video.
    """
    if not directory.is_dir():
        raise PhotoError(f"{directory}: no such folder; name one that holds {REAL}/ and a folder for each attack")
    try:
        return _read(directory, fps)
    except OSError as error:
        raise PhotoError(
            f"{error.filename or directory}: cannot be read ({error.strerror}); mend that, or copy it elsewhere"
        ) from error


def within(recording: str, name: str) -> bool:
    """Whether a recording is the one of this name, or lies in the folder or the kind of this name."""
    return recording == name or recording.startswith(f"{name}/")


def subject(recording: str) -> str | None:
    """Who is shown by a recording's name: the folder below the kind's, or the name of a film or video in the kind's
    own; None for pictures there.
    """
    parts = PurePosixPath(recording).parts
    if len(parts) < 2:
        return None
    last = PurePosixPath(parts[1])
    return last.stem if len(parts) == 2 and last.suffix.lower() in FILMS else parts[1]


def shown_by(folder: Folder, table: Path | None) -> dict[str, str]:
    """Whom each recording shows: by the table, and otherwise by its own name. Raises EvaluationError.

    The table is a CSV with the columns `recording` and `person`; a recording may be named by its folder, too.
    """
    found = {name: person for name in folder.recordings if (person := subject(name)) is not None}
    if table is None:
        return found
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, restval="")
            if not {"recording", "person"} <= set(rows.fieldnames or ()):
                raise EvaluationError(
                    f"{table}: has no columns `recording` and `person`; begin it with: recording,person"
                )
            for row in rows:
                name, person = row["recording"].strip().rstrip("/"), row["person"].strip()
                if not name or not person:
                    raise EvaluationError(
                        f"{table}: line {rows.line_num} lacks a recording or a person; complete it"
                    )
                found.update(dict.fromkeys(named(folder, name), person))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{table}: cannot be read as CSV in UTF-8 ({error}); save it again") from error
    return found


def named(folder: Folder, name: str) -> list[str]:
    """The recordings of this name, folder or kind. Raises EvaluationError when there is none."""
    found = [recording for recording in folder.recordings if within(recording, name)]
    if not found:
        some = ", ".join(folder.recordings[:5]) + (", …" if len(folder.recordings) > 5 else "")
        raise EvaluationError(f"{name}: there is no such recording; name one of {some}, or a folder of them")
    return found


def _read(directory: Path, fps: float | None) -> Folder:
    entries = sorted(directory.iterdir())
    other = sum(not entry.is_dir() for entry in entries)
    found: dict[str, list[Path]] = {}
    for entry in entries:
        if not entry.is_dir():
            continue
        files = sorted(_files(entry))
        found[entry.name] = [file for file in files if file.suffix.lower() in SUFFIXES | FILMS]
        other += len(files) - len(found[entry.name])
    kinds = sorted((kind for kind, files in found.items() if files), key=lambda kind: (kind != REAL, kind))
    if not kinds:
        raise PhotoError(
            f"{directory}: no folder with a JPEG, a PNG or a film in it; put genuine faces into {REAL}/ and each "
            "kind of attack into a folder of its name"
        )
    clips = [clip for kind in kinds for clip in _clips(directory, kind, found[kind], fps)]
    return Folder(tuple(kinds), tuple(sorted(clips, key=lambda clip: kinds.index(clip.kind))), other)


def _files(directory: Path) -> Iterator[Path]:
    # rglob would not follow a linked subject's folder; a link to a folder above it must not lead round in circles.
    pending, been = [directory], set()
    while pending:
        here = pending.pop()
        if here.resolve() in been:
            continue
        been.add(here.resolve())
        for entry in here.iterdir():
            if entry.is_dir():
                pending.append(entry)
            else:
                yield entry


def _clips(directory: Path, kind: str, files: list[Path], fps: float | None) -> Iterator[Clip]:
    videos: dict[tuple[Path, str], list[tuple[int, Path]]] = {}
    for file in files:
        numbered = None if fps is None else _NUMBERED.fullmatch(file.stem)
        if file.suffix.lower() in FILMS:
            yield Clip(kind, file.relative_to(directory).as_posix(), (file,), ())
        elif numbered is None:
            yield Clip(kind, file.parent.relative_to(directory).as_posix(), (file,), (0,))
        else:
            videos.setdefault((file.parent, numbered[1]), []).append((int(numbered[2]), file))
    for (folder, name), frames in videos.items():
        frames.sort()
        recording, video = folder.relative_to(directory).as_posix(), name.rstrip("_-. ")
        if recording == kind and video:
            recording = f"{kind}/{video}"
        assert fps is not None  # noqa: S101 - without it there are no videos
        at_ms = tuple(round(n * 1000 / fps) for n, _ in frames)
        yield Clip(kind, recording, tuple(file for _, file in frames), at_ms)
