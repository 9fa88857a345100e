"""Beside others: a frame's way against face_recognition and MediaPipe, one probe among many against faiss.

The peers live in an environment of their own, build/peers, made here from a hashed lock at the first run. Each side
runs in a process of its own, on one core and one thread, on the same frames.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.resources import photos_directory
from edge.vision.photo import load_photo
from tests.bench.frames import scaled
from tests.bench.row import Row

_CHECKOUT = Path(__file__).resolve().parents[2]
_PEERS = Path(__file__).parent / "peers"
_LOOKS, _PEOPLE = 60, 1_000
_SIZES = (1_000, 10_000, 50_000)
_DIMENSION = 704
"""Of our templates; checked against the manifest by a test."""
_FRAME_AIM = 0.08


class PeersMissing(Exception):
    """The peers cannot be installed; the text says why."""


def environment(lock: Path, place: Path) -> Path:
    """The peers' Python, installed when it is not there or the lock has changed. Raises PeersMissing."""
    python, stamp = place / "bin" / "python", place / "lock.sha256"
    if not lock.is_file():
        raise PeersMissing(f"{lock} is not there: run `make bench` in a checkout")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return python
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [*map(str, install), "--require-hashes", "--requirement", str(lock)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise PeersMissing(f"the peers could not be installed: {last}")
    stamp.write_text(digest, encoding="ascii")
    return python


def beside_others(directory: Path, told: Callable[[str], None]) -> Iterator[Row]:
    """Every row that has a peer; where a peer is missing the row says what we take alone."""
    frames = directory / "frames.npy"
    photos = sorted(path for path in photos_directory().iterdir() if path.suffix in {".jpg", ".png"})
    np.save(frames, np.stack([scaled(load_photo(path)) for path in photos]))
    ours = _alone([sys.executable, "-m", "tests.bench.peers.our_frames", *_words(frames)])
    name = f"frame → decision among {_PEOPLE:,}, p50"
    try:
        theirs = _alone([sys.executable, "-m", "tests.bench.peers.our_frames", *_words(frames), "mediapipe"])
    except PeersMissing as error:
        told(f"not measured against MediaPipe: {error}")
    else:
        ratio = ours["ms"] / theirs["ms"]
        yield Row(name, round(ours["ms"], 1), "ms, 1 core", "faces by MediaPipe", round(ratio, 2))
        yield Row("its peak RSS", round(ours["rss_mb"], 1), "MB", "…", round(ours["rss_mb"] / theirs["rss_mb"], 2))
    try:
        python = environment(_CHECKOUT / "provisioning" / "locks" / "peers.txt", _CHECKOUT / "build" / "peers")
        peer = _alone([str(python), str(_PEERS / "face_recognition_frames.py"), *_words(frames)])
        found = _alone([str(python), "-m", "tests.bench.peers.faiss_search", *map(str, (_DIMENSION, *_SIZES))])
    except PeersMissing as error:
        told(f"not measured against face_recognition and faiss: {error}")
        return
    ratio = ours["ms"] / peer["ms"]
    yield Row(
        name,
        round(ours["ms"], 1),
        "ms, 1 core",
        f"face_recognition ({peer['ms']:.0f} ms)",
        round(ratio, 3),
        f"≤ {_FRAME_AIM} ×",
        ratio <= _FRAME_AIM,
    )
    memory = ours["rss_mb"] / peer["rss_mb"]
    yield Row(
        "its peak RSS",
        round(ours["rss_mb"], 1),
        "MB",
        f"face_recognition ({peer['rss_mb']:.0f} MB)",
        round(memory, 2),
    )
    if not found["same"]:
        raise RuntimeError("the matcher and faiss named different people")
    for size in _SIZES:
        mine, flat = found["ms"][str(size)]
        ratio = round(mine / flat, 2)
        yield Row(
            f"one among {size:,}, p50",
            round(mine, 3),
            "ms, 1 core",
            "faiss IndexFlatIP",
            ratio,
            "≤ 1 ×",
            ratio <= 1,
        )


def _words(frames: Path) -> tuple[str, str, str]:
    return str(frames), str(_LOOKS), str(_PEOPLE)


def _alone(command: Sequence[str]) -> dict[str, Any]:
    """Run one side on one core; what it printed. Raises PeersMissing with the last line of its complaint."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run(
        ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *command],
        env={**os.environ, **threads, "PYTHONPATH": str(_CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PeersMissing((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
