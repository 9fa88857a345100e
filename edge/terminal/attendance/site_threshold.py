"""The site's own threshold: the file that `smartclocker calibrate` writes, and the counts for the next one."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.domain.recognition.calibration import LOOSEST, STRICTEST, Calibration, Scorebook, Tail
from edge.domain.strict_json import parse_object
from edge.errors import RecordError, TransferError
from edge.storage import durable_file
from edge.storage.bounded_read import read_file

LOG = logging.getLogger(__name__)
CALIBRATION, SCORES = "calibration.json", "scores.json"
"""Names of the files in the state directory."""
SAVE_EVERY_MS = 600_000
_MOST = 65_536


@dataclass(frozen=True, slots=True)
class ThresholdFile:
    """The values of the calibration file that the terminal uses."""

    model_id: str
    shift: float
    made: str


def write(
    state: Path, model_id: str, made: str, found: Calibration, target_fpir: float, evidence: Mapping[str, Tail]
) -> Path:
    """Put a calibration in force, with its evidence in the same file; the running terminal takes it up. Raises
    TransferError.
    """
    document = {
        "calibration": 1,
        "model": model_id,
        "made": made,
        "shift": found.shift,
        "wanted": found.wanted,
        "target_fpir": target_fpir,
        "evidence": {source: asdict(tail) for source, tail in evidence.items()},
    }
    path = state / CALIBRATION
    durable_file.replace(path, json.dumps(document, indent=1).encode(), TransferError)
    return path


def read(state: Path) -> ThresholdFile | None:
    """The calibration in force; None when there is none. Raises RecordError for a damaged file."""
    try:
        raw = read_file(state / CALIBRATION, _MOST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"{CALIBRATION} cannot be read: {error.strerror}") from error
    document = parse_object(raw[: _MOST + 1], _MOST)
    model, shift, made = (document.get(name) for name in ("model", "shift", "made"))
    if document.get("calibration") != 1 or not isinstance(model, str) or not isinstance(made, str):
        raise RecordError(f"{CALIBRATION} is not a calibration of this version")
    if isinstance(shift, bool) or not isinstance(shift, int | float) or not LOOSEST <= shift <= STRICTEST:
        raise RecordError(f"{CALIBRATION} moves the threshold further than any calibration does")
    return ThresholdFile(model, float(shift), made)


def scores(state: Path, model_id: str) -> Scorebook:
    """The counts so far; empty when there are none, or none of this model. Damage raises no error."""
    try:
        document = parse_object(read_file(state / SCORES, _MOST), _MOST)
        book = Scorebook.read(document)
    except (OSError, RecordError):
        return Scorebook(model_id)
    return book if book.model_id == model_id else Scorebook(model_id)


class SiteThreshold:
    """The calibration in force and the counts for the next one, with their files; one thread uses it."""

    def __init__(self, state: Path, model_id: str) -> None:
        self.shift, self.ignored = 0.0, False
        self.scores = scores(state, model_id)
        """Counts in memory; `save` writes them to the disk."""
        self._state, self._model_id = state, model_id
        self._seen: tuple[int, int] | None = None
        self._saved_ms: int | None = None
        self._saved_punches = self.scores.punches

    def changed(self) -> bool:
        """Whether the file changed since the last call; if so, `shift` is read from it."""
        try:
            found = (self._state / CALIBRATION).stat()
            seen: tuple[int, int] | None = (found.st_mtime_ns, found.st_ino)
        except OSError:
            seen = None
        if seen == self._seen:
            return False
        self._seen = seen
        self.shift, self.ignored = self._read()
        return True

    def save(self, now_ms: int | None = None) -> None:
        """Save the counts: every SAVE_EVERY_MS, or at once without `now_ms`. If the disk cannot be written, some
        counts are lost, and no punch.
        """
        punches = self.scores.punches
        if punches == self._saved_punches:
            return
        if now_ms is not None:
            if self._saved_ms is None:
                self._saved_ms = now_ms
            if now_ms - self._saved_ms < SAVE_EVERY_MS:
                return
            self._saved_ms = now_ms
        try:
            durable_file.replace(self._state / SCORES, json.dumps(self.scores.as_json()).encode(), TransferError)
            self._saved_punches = punches
        except TransferError as error:
            LOG.warning("%s", error)

    def _read(self) -> tuple[float, bool]:
        try:
            written = read(self._state)
        except RecordError as error:
            LOG.warning("%s; the manifest's threshold counts; calibrate again", error)
            return 0.0, True
        if written is None:
            return 0.0, False
        if written.model_id != self._model_id:
            LOG.warning(
                "the site was calibrated for another model; the manifest's threshold counts: calibrate again"
            )
            return 0.0, True
        LOG.info("the site's own threshold, %+.3f from the manifest's, made %s", written.shift, written.made)
        return written.shift, False


def document_of(found: Calibration, evidence: Mapping[str, Tail], usual: float) -> dict[str, Any]:
    """The JSON that `calibrate` prints."""
    return {
        "shift": found.shift,
        "wanted": found.wanted,
        "manifest_threshold": usual,
        "threshold": usual + found.shift,
        "evidence": {source: asdict(tail) for source, tail in evidence.items()},
    }
