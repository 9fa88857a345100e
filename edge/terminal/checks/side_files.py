"""Checks of files that fail alone, for `smartclocker check`: each problem would be an alarm at the next start."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edge.adapters.linux.instance_lock import RUN_LOCK, is_strange
from edge.config_schema import Config
from edge.errors import EvidenceDamaged, ModelError, RecordError, SmartClockerError
from edge.evidence_images.schema import NAME, STORE
from edge.journal.diagnosis import is_vanished
from edge.journal.verify import opened
from edge.people.site.schema import NAME as SITE_DB
from edge.people.site.schema import SITE, refuse_damaged
from edge.storage import side_files
from edge.terminal import installed
from edge.terminal.attendance import site_threshold
from edge.terminal.runtime.earlier_life import is_lived_in
from edge.vision.models import ModelStore


def problems(config: Config) -> Iterator[str]:
    """Problems of the images, the other doors' records, the calibration and the coming model, found with the rights
    of the service's user.
    """
    state = Path(config.storage.state)
    for database in ("journal.db", "people.db", "roster.db", NAME, SITE_DB):
        for path in side_files.strange(state / database):
            yield f"storage.state: {path}: is not a file; move it away, or the next start sets it aside"
    if is_strange(lock := state / RUN_LOCK):
        yield f"storage.state: {lock}: is not a file; move it away, or the next start sets it aside"
    reserve = state / "journal.reserve"
    if os.path.lexists(reserve) and not stat.S_ISREG(reserve.lstat().st_mode):
        yield f"storage.state: {reserve}: is no file, so that nothing is reserved (reserve-short); move it away"
    yield from _images(state / NAME)
    yield from _site(state / SITE_DB)
    yield from _calibration(config, state)
    yield from _coming(config)


def vanished(config: Config) -> Iterator[str]:
    """The problem that a journal which was here is gone."""
    path = installed.journal_path(config)
    if is_vanished(path, partial(is_lived_in, path.parent)):
        yield f"storage.state: {path}: is gone, and was there; look for it, or the next start begins another"


def _images(path: Path) -> Iterator[str]:
    try:
        if STORE.present(path):
            with STORE.guard(path), opened(path, STORE):
                pass
    except EvidenceDamaged as error:
        yield f"storage.state: {error}"
    except (SmartClockerError, OSError, sqlite3.Error) as error:
        yield f"storage.state: {path}: images are neither kept nor deleted: {error}"


def _site(path: Path) -> Iterator[str]:
    try:
        if path.is_symlink():
            yield f"storage.state: {path}: it is a link, which no command here makes; {SITE.mend}"
        elif SITE.present(path):
            with SITE.guard(path), opened(path, SITE) as db:
                refuse_damaged(db, path)
    except (SmartClockerError, OSError, sqlite3.Error) as error:
        yield f"storage.state: {error}"


def _calibration(config: Config, state: Path) -> Iterator[str]:
    again = "the manifest's threshold counts; `smartclocker calibrate` again, or `--undo`"
    try:
        written = site_threshold.read(state)
        model = installed.model_store(config).template.id
    except RecordError as error:
        yield f"storage.state: {state / site_threshold.CALIBRATION}: {error}; {again}"
    except (ModelError, OSError):
        return  # storage.models says so
    else:
        if written is not None and written.model_id != model:
            yield f"storage.state: {state / site_threshold.CALIBRATION} is of another model; {again}"


def _coming(config: Config) -> Iterator[str]:
    chosen = config.recognition.shadow
    if not chosen:
        return
    try:
        store = ModelStore(Path(chosen))
        wrong = store.verify_all()
        if not wrong and store.template.id == installed.model_store(config).template.id:
            wrong = [f"{chosen} holds {store.template.id}, in use already; name a coming model"]
    except (ModelError, OSError) as error:
        wrong = [str(error)]
    yield from (f"recognition.shadow: {one}" for one in wrong)
