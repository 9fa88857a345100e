"""Readings of the models: their hashes, and the time of one look at a photograph that comes with the program."""

import statistics
import time

import numpy as np
from PIL import Image

from edge.adapters.linux.service_account import acting_as
from edge.domain.doctor import DoctorFinding, ItemUnseen, absent, of_problems, ok
from edge.domain.face import Frame, Pixels
from edge.resources import photos_directory
from edge.terminal import factory, installed
from edge.terminal.checks.files import models as problems_of_models
from edge.terminal.doctor import judge_parts
from edge.terminal.doctor.readings.sources import Sources
from edge.vision.photo import load_photo

_PHOTO = "obama.jpg"
"""An official portrait in the public domain; tests/photos/SOURCES.toml has its origin."""
_SIZE, _TALL = (640, 480), 740
"""The frame, and the portrait's height in it, so that the face is about 180 pixels tall."""
LOOKS = 4
"""The first look is slower than all others, and is not counted."""


def models(sources: Sources) -> DoctorFinding:
    """The hash and the shapes of every model, against the manifest."""
    if sources.config.recognition.mode == "badge":
        return absent("models", 'recognition.mode is "badge"')
    problems = list(problems_of_models(sources.config, sources.account))
    if problems:
        return of_problems("models", problems, ok("models", ""))
    with acting_as(sources.account):
        ids = installed.model_store(sources.config).ids()
    said = f"all {len(ids)} files are the ones that the manifest names"
    return ok("models", said, {"models": len(ids)})


def look(sources: Sources) -> DoctorFinding:
    """The time of one look, with the configured threads. Raises ModelError."""
    config = sources.config
    if config.recognition.mode == "badge":
        return absent("look", 'recognition.mode is "badge"')
    pipeline = factory.pipeline(config, installed.model_store(config))
    frame = Frame(_scaled(load_photo(photos_directory() / _PHOTO)), 0)
    times_ms = []
    for _ in range(LOOKS):
        began = time.monotonic()
        seen = pipeline.look(frame)
        times_ms.append((time.monotonic() - began) * 1000)
    if seen.probe is None:
        raise ItemUnseen(f"{_PHOTO} gives no probe", "`smartclocker models` compares the files")
    median_ms = statistics.median(times_ms[1:])
    return judge_parts.look(
        median_ms, config.recognition.threads, config.recognition.frames, lamp=bool(config.recognition.strobe)
    )


def _scaled(photo: Pixels) -> Pixels:
    image = Image.fromarray(photo)
    image = image.resize((round(image.width * _TALL / image.height), _TALL))
    canvas = Image.new("RGB", _SIZE, (128, 128, 128))
    canvas.paste(image, ((_SIZE[0] - image.width) // 2, 0))
    return np.asarray(canvas)
