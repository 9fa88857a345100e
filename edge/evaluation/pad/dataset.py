"""The folder that `evaluate-pad` measures: `real/`, and beside it one folder for each kind of attack.

Each holds pictures and films, or folders of them (one for each subject, for example). Other files are counted, not
skipped silently.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import PhotoError
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
