"""The folder that `evaluate` measures: one folder a person, with their photographs in it."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EvaluationError
from edge.vision.photo import SUFFIXES

UNGROUPED = "(no group)"


@dataclass(frozen=True, slots=True)
class Album:
    """Everything that was found; files that are no picture of anybody are counted, not skipped silently."""

    people: tuple[str, ...]
    """Names of the folders with at least one picture."""
    files: tuple[Path, ...]
    person: tuple[int, ...]
    """Index in `people` of each file's person."""
    left_out: Mapping[str, int]
    """Files that are no pictures by their names, files outside of a person's folder, folders without a picture."""


def read_album(directory: Path) -> Album:
    """Find every person's pictures. Raises EvaluationError when there is no folder, or it holds nobody."""
    if not directory.is_dir():
        raise EvaluationError(f"{directory}: no such folder; name one that holds a folder for each person")
    people: list[str] = []
    files: list[Path] = []
    person: list[int] = []
    left_out: Counter[str] = Counter()
    for entry in sorted(directory.iterdir()):
        if not entry.is_dir():
            left_out["outside of a person's folder"] += 1
            continue
        inside = sorted(path for path in entry.rglob("*") if not path.is_dir())
        pictures = [path for path in inside if path.suffix.lower() in SUFFIXES and path.is_file()]
        left_out["neither JPEG nor PNG"] += len(inside) - len(pictures)
        if not pictures:
            left_out["person without a picture"] += 1
            continue
        files += pictures
        person += [len(people)] * len(pictures)
        people.append(entry.name)
    if not people:
        raise EvaluationError(
            f"{directory}: no person's folder with a JPEG or PNG in it; put each person's photographs into a "
            "folder of their name"
        )
    return Album(tuple(people), tuple(files), tuple(person), {why: n for why, n in left_out.items() if n})


def read_groups(path: Path, people: tuple[str, ...]) -> tuple[dict[str, str], int]:
    """Person to group from a CSV with the columns `person` and `group`, and the number of rows that name nobody of
    `people`.

    A person who is not in the file is in no group: groups are told, never guessed. Raises EvaluationError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, restval="")
            if not {"person", "group"} <= set(rows.fieldnames or ()):
                raise EvaluationError(f"{path}: has no columns `person` and `group`; begin it with: person,group")
            found: dict[str, str] = {}
            for row in rows:
                name, group = row["person"].strip(), row["group"].strip()
                if not name or not group:
                    raise EvaluationError(f"{path}: line {rows.line_num} lacks a person or a group; complete it")
                if found.setdefault(name, group) != group:
                    raise EvaluationError(f"{path}: line {rows.line_num} puts {name} into a second group; keep one")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{path}: cannot be read as CSV in UTF-8 ({error}); save it again") from error
    known = set(people)
    return {name: group for name, group in found.items() if name in known}, len(set(found) - known)
