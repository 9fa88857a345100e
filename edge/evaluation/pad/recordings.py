"""Recordings by their names, as a user names them: which there are, and whom each shows."""

import csv
from pathlib import Path, PurePosixPath

from edge.errors import EvaluationError
from edge.evaluation.pad.dataset import FILMS, Folder


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
