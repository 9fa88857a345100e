"""Readings of the camera: through the running service, or directly when none runs."""

import time

from edge.adapters.linux.control_client import ask
from edge.config_schema import Config
from edge.domain.doctor import DoctorFinding, ItemUnseen, absent, of_problems, ok
from edge.domain.recognition.quality import grey
from edge.errors import ControlError, ControlRefused
from edge.terminal import adapters, installed
from edge.terminal.checks import devices
from edge.terminal.doctor import judge_parts
from edge.terminal.doctor.judge_parts import CameraReading
from edge.terminal.doctor.readings.sources import Sources

FIRST_FRAME_S, SPAN_S = 10.0, 3.0
"""How long the first frame is awaited, and how long frames are counted after it."""
_FRAME_S = 1.0
_SERVED_S = 30.0
_SHARE = 0.5
"""Share of camera.fps that must come."""
_LOOKS_A_SECOND = 1000 / judge_parts.SLOW_LOOK_MS
"""The running service looks at each frame that it counts, so that a slow machine counts few."""


def camera(sources: Sources) -> DoctorFinding:
    """Frames, size and light; problems of the accepted camera come first."""
    chosen = sources.config
    if chosen.recognition.mode == "badge":
        return absent("camera", 'recognition.mode is "badge"')
    served = sources.status is not None
    if not served and (sources.unit or {}).get("ActiveState") == "active":
        raise ItemUnseen("the running service holds the camera and does not answer", "look at the item unit")
    if not served:
        sources.only_for_the_service()
    problems = list(devices.camera(chosen, sources.account, sources.root / "dev"))
    if problems:
        return of_problems("camera", problems, ok("camera", ""))
    return judge_parts.camera(_served(chosen) if served else _direct(chosen))


def _served(config: Config) -> CameraReading:
    try:
        said = ask(installed.control_path(config), {"do": "camera-test"}, within_s=_SERVED_S)
    except (ControlRefused, ControlError) as error:
        raise ItemUnseen(f"the running service answers: {error}", "try again in a minute") from error
    size, light, rate = said.get("size"), said.get("luminance_of_face"), said.get("looked_at_a_second")
    frames = said.get("frames")
    return CameraReading(
        frames=frames if isinstance(frames, int) else 0,
        rate=float(rate) if isinstance(rate, int | float) else 0.0,
        size=(size[0], size[1]) if isinstance(size, list) and len(size) == 2 else None,
        light=float(light) if isinstance(light, int | float) else None,
        wanted_rate=min(_SHARE * config.camera.fps, _LOOKS_A_SECOND),
        by="the running service",
        replay=config.camera.kind == "replay",
    )


def _direct(config: Config) -> CameraReading:
    """Raises CameraError."""
    camera = adapters.camera(config)
    camera.open()
    try:
        frame = camera.read(FIRST_FRAME_S)
        began, frames, last = time.monotonic(), 0, frame
        while frame is not None and time.monotonic() - began < SPAN_S:
            frame = camera.read(_FRAME_S)
            frames += frame is not None
            last = frame or last
        took_s = time.monotonic() - began
    finally:
        camera.close()
    if last is None:
        return CameraReading(0, 0.0, None, None, 0.0, "the doctor")
    height, width = last.pixels.shape[:2]
    return CameraReading(
        frames=frames + 1,
        rate=frames / took_s,
        size=(width, height),
        light=float(grey(last.pixels).mean()),
        wanted_rate=_SHARE * config.camera.fps,
        by="the doctor",
        replay=config.camera.kind == "replay",
    )
