"""The folder that `evaluate-pad` measures: `real/`, and beside it one folder for each kind of attack.

Each holds pictures, or folders of them (one for each subject, for example). Other files are counted, not skipped
silently.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import PhotoError
from edge.vision.photo import SUFFIXES

REAL = "real"
"""The folder of genuine faces."""
_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures of one kind that belong together: the frames of one video in their order, or one picture alone."""

    kind: str
    files: tuple[Path, ...]
    at_ms: tuple[int, ...]
    """Time of each picture, from the beginning of its video; 0 for a picture alone."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Everything found."""

    kinds: tuple[str, ...]
    """`real` first when there is one, then the attacks by name."""
    clips: tuple[Clip, ...]
    other_files: int
    """Files that are neither JPEG nor PNG by their names, or lie in no folder of a kind."""

    @property
    def images(self) -> int:
        """Pictures in all clips."""
        return sum(len(clip.files) for clip in self.clips)


def read_folder(directory: Path, fps: float | None = None) -> Folder:
    """Find the pictures below `directory`. Raises PhotoError when no folder of a kind has a picture.

    With `fps`, pictures whose names differ only in the number at their end (clip_12.jpg) are frames of one video,
    numbered from 0 at so many a second; without it, each stands alone.
    """
    if not directory.is_dir():
        raise PhotoError(f"{directory}: no such folder; name one that holds {REAL}/ and a folder for each attack")
    entries = sorted(directory.iterdir())
    other = sum(not entry.is_dir() for entry in entries)
    found: dict[str, list[Path]] = {}
    for entry in entries:
        if not entry.is_dir():
            continue
        files = sorted(_files(entry))
        found[entry.name] = [file for file in files if file.suffix.lower() in SUFFIXES]
        other += len(files) - len(found[entry.name])
    kinds = sorted((kind for kind, files in found.items() if files), key=lambda kind: (kind != REAL, kind))
    if not kinds:
        raise PhotoError(
            f"{directory}: no folder with a JPEG or PNG in it; put genuine faces into {REAL}/ and each kind of "
            "attack into a folder of its name"
        )
    clips = [clip for kind in kinds for clip in _clips(kind, found[kind], fps)]
    return Folder(tuple(kinds), tuple(clips), other)


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


def _clips(kind: str, files: list[Path], fps: float | None) -> Iterator[Clip]:
    if fps is None:
        yield from (Clip(kind, (file,), (0,)) for file in files)
        return
    videos: dict[tuple[Path, str], list[tuple[int, Path]]] = {}
    for file in files:
        numbered = _NUMBERED.fullmatch(file.stem)
        if numbered is None:
            yield Clip(kind, (file,), (0,))
        else:
            videos.setdefault((file.parent, numbered[1]), []).append((int(numbered[2]), file))
    for frames in videos.values():
        frames.sort()
        yield Clip(kind, tuple(file for _, file in frames), tuple(round(n * 1000 / fps) for n, _ in frames))
