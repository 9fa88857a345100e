"""One door's process: the terminal's daemon as it is installed, before a scene that standard input directs.

`tests.shift_change.doors` starts it: `python -m tests.shift_change.door_process CONFIG FACES`, where FACES holds
the drawn vectors by name. It takes and prints lines of JSON. All instants are of CLOCK_MONOTONIC, which is the same
in every process of a machine.
"""

import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from edge import config
from edge.adapters.linux.process_hardening import give_back_large_buffers, harden_process
from edge.adapters.linux.sd_notify import SilentNotifier
from edge.adapters.replay.camera import ReplayCamera
from edge.adapters.replay.scene import Scene
from edge.domain.attendance.cues import Cue, CueName, Lights
from edge.domain.face import Floats, Frame, Pixels, Sight
from edge.terminal import daemon
from edge.terminal.runtime.latency import Latency
from edge.terminal.site.hearing import SiteHearing
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline
from tests.shift_change.faces import as_filmed

_REMEMBERED = 200
"""Frames of which it is known who stood there."""
_SCENES = 8
"""Scenes that are kept: 14 MB each."""
_ASIDE, _ABOVE = 0.3, 0.1
"""By how much of its width and height a close photograph is widened on each side."""


@dataclass(slots=True, eq=False)
class Stay:
    """Somebody stands before the camera, until somebody else does."""

    who: str
    usable_ns: int | None = None
    """The first frame that passed the gate."""


class DirectedCamera(ReplayCamera):
    """A replay camera that knows who stood there in each frame."""

    def __init__(self, size: tuple[int, int], fps: float) -> None:
        self._size, self._lock = size, threading.Lock()
        self._scenes: dict[tuple[str, bool], Scene] = {}
        super().__init__(self._scene_of("", widen=False), fps=fps)
        self._stay = Stay("")
        self._stays: dict[int, Stay] = {}

    def stand(self, who: str, photo: str, *, widen: bool) -> None:
        """Somebody steps before the camera; without a photograph the room is empty. What was there is filmed until
        the new scene is prepared: a person casts no shadow on the frames before them.
        """
        scene = self._scene_of(photo, widen=widen)
        with self._lock:
            self._scene, self._stay = scene, Stay(who)

    def _scene_of(self, photo: str, *, widen: bool) -> Scene:
        found = self._scenes.pop((photo, widen), None)
        if found is None:
            found = Scene(self._size)
            if photo:
                pixels = load_photo(Path(photo))
                found.show(widened(pixels) if widen else pixels)
        self._scenes[photo, widen] = found
        while len(self._scenes) > _SCENES:
            del self._scenes[next(iter(self._scenes))]
        return found

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame; None for one in which somebody else stepped in."""
        with self._lock:
            before = self._stay
        frame = super().read(timeout_s)
        with self._lock:
            if frame is None or before is not self._stay:
                return None
            self._stays[frame.captured_ns] = before
            while len(self._stays) > _REMEMBERED:
                del self._stays[next(iter(self._stays))]
        return frame

    def stay_of(self, captured_ns: int) -> Stay | None:
        """Who stood there in a frame; None for an instant of no frame, as that of a badge is."""
        with self._lock:
            return self._stays.get(captured_ns)


class WatchedPipeline:
    """The pipeline, which notes the first usable frame of each stay, and gives drawn people their vector."""

    def __init__(self, pipeline: Pipeline, camera: DirectedCamera, drawn: Mapping[str, Floats]) -> None:
        self._pipeline, self._camera, self._drawn = pipeline, camera, drawn
        self._rng = np.random.default_rng(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def look(self, frame: Frame) -> Sight:
        """The sight of a frame."""
        sight, stay = self._pipeline.look(frame), self._camera.stay_of(frame.captured_ns)
        if sight.probe is None or stay is None:
            return sight
        if stay.usable_ns is None:
            stay.usable_ns = frame.captured_ns
        vector = self._drawn.get(stay.who)
        if vector is None:
            return sight
        return replace(sight, probe=replace(sight.probe, embedding=as_filmed(vector, self._rng)))


class ToldLatency(Latency):
    """The product's measure of waiting times, which also says each answer, and when its lights were on."""

    def __init__(self, camera: DirectedCamera) -> None:
        super().__init__()
        self._camera, self._number = camera, 0
        self._awaited: tuple[CueName, int] | None = None

    def decided(self, cue: CueName, captured_ns: int, first_seen_ns: int) -> None:
        """An answer to a face, or to the reader."""
        super().decided(cue, captured_ns, first_seen_ns)
        stay = self._camera.stay_of(captured_ns)
        self._number += 1
        self._awaited = cue, self._number
        who, usable_ns = (None, captured_ns) if stay is None else (stay.who, stay.usable_ns)
        say({"answer": self._number, "cue": str(cue), "who": who, "usable_ns": usable_ns})

    def shown(self, cue: Cue, shown_ns: int) -> None:
        """The first lights of a cue are on."""
        super().shown(cue, shown_ns)
        awaited = self._awaited
        if awaited is not None and awaited[0] is cue.name:
            self._awaited = None
            say({"shown": awaited[1], "ns": shown_ns})


class ToldSignals:
    """Lights that say which cue begins."""

    def announce(self, cue: Cue) -> None:
        """Say it."""
        say({"begins": str(cue.name)})

    def apply(self, lights: Lights) -> None:
        """Nothing more is shown."""

    def close(self) -> None:
        """Nothing is open."""


_saying = threading.Lock()


def say(message: Mapping[str, object]) -> None:
    """One line; any thread."""
    with _saying:
        print(json.dumps(message), flush=True)


def widened(photo: Pixels) -> Pixels:
    """A photograph that is cut close, drawn on from its edges, so that the face is as tall as at a terminal.

    Mirrored edges would show second faces, and a seam that the layer for borders takes for a picture's edge.
    """
    down, across = round(photo.shape[0] * _ABOVE), round(photo.shape[1] * _ASIDE)
    return np.pad(photo, ((down, down), (across, across), (0, 0)), mode="edge")


def main(words: list[str]) -> int:
    """Run the terminal until standard input ends; the terminal's exit code."""
    path, faces = words
    harden_process()
    give_back_large_buffers()
    loaded = config.load(Path(path)).config
    with np.load(faces) as kept:
        drawn = dict(zip(kept["names"].tolist(), kept["vectors"], strict=True))
    camera = DirectedCamera((loaded.camera.width, loaded.camera.height), loaded.camera.fps)
    hearing = SiteHearing()
    latency = ToldLatency(camera)
    with (
        patch.object(daemon, "Latency", lambda: latency),
        patch.object(daemon, "SiteHearing", lambda: hearing),
    ):
        terminal = daemon.Terminal(loaded, notifier=SilentNotifier(), camera=camera, signals=ToldSignals())
    sights: Any = terminal.attend._sights
    sights._pipeline = WatchedPipeline(sights._pipeline, camera, drawn)

    def obey() -> None:
        for line in sys.stdin:
            wish = json.loads(line)
            if "stand" in wish:
                camera.stand(wish["stand"], wish["photo"], widen=wish["widened"])
            else:
                say({"status": {
                    "hears": bool(hearing.others and not hearing.deaf),
                    "gallery": terminal.attend._faces.enrolled.gallery.size,
                    "alarms": sorted(terminal.status.alarms), "counters": terminal.status.counters(),
                }})  # fmt: skip
        terminal.stop.set("the shift change is over")

    threading.Thread(target=obey, name="director", daemon=True).start()
    return terminal.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
