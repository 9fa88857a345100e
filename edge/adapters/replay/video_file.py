"""The frames of a video file, one after another, decoded by PyAV (FFmpeg): the extra `video`.

A file is not trusted, wherever it comes from: only containers of the list below are opened, from this one file and
never over a network; frames beyond a size are not decoded, also in the middle of a film; few are in memory at a
time.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from edge.domain.face import Pixels
from edge.errors import CameraError

MOST_PIXELS = 9_000_000
"""Most pixels of a frame: more than 3840×2160, what a telephone films."""
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg"
"""Demuxers of FFmpeg that may look at the file. Those of playlists, which open other files, are not among them."""
_MOST_LENGTH_S = 86_400.0
_MOST_STEP_S = 2.0
"""The longest time that is believed between two frames; a broken file may claim years."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """One frame of a film."""

    pixels: Pixels
    """(height, width, 3), RGB, upright."""
    at_s: float
    """Seconds since the first frame; never less than those of the frame before."""


def frames_of(path: Path, wanted: Callable[[float], bool] = lambda _at_s: True) -> Iterator[VideoFrame]:
    """The frames of a video file, upright, until its end. A film that breaks off in the middle ends there.

    `wanted` is asked for each frame in turn, with its time, and the others are left out: most of the work on a
    large film is in the pixels. Raises CameraError with the cure: PyAV is missing, the file is missing, empty, no
    video, of an unknown codec or of too large a size, or not one frame of it can be decoded.
    """
    av = load_library()
    _ordinary(path)
    with _readable(av, path) as container:
        if not container.streams.video:
            raise CameraError(f"{path}: holds no pictures, only sound; name a film")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise CameraError(f"{path}: its codec is not known here; save it as MP4 with H.264")
        _refuse_huge(path, context.width, context.height)
        stream.thread_type = "NONE"  # each thread of a decoder holds frames of its own
        # A later frame may have another size: the decoder itself refuses it, before it takes memory for it.
        context.options = {"max_pixels": str(MOST_PIXELS)}
        yield from _decoded(av, path, container, stream, wanted)


def length_of(path: Path) -> float | None:
    """The length in seconds that a video file claims; None when it claims none. Raises CameraError as `frames_of`
    does.
    """
    av = load_library()
    _ordinary(path)
    with _readable(av, path) as container:
        claimed = [float(container.duration or 0) / av.time_base]
        claimed += [float((one.duration or 0) * (one.time_base or 0)) for one in container.streams.video[:1]]
    # A live recording, or a damaged header, may claim nothing, less than nothing, or years.
    believed = [length for length in claimed if 0 < length <= _MOST_LENGTH_S]
    return max(believed, default=None)


def load_library() -> ModuleType:
    """PyAV. Raises CameraError with the cure."""
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise CameraError(
            f"video files need PyAV, which cannot be loaded ({error}): pip install 'smartclocker-edge[video]', or "
            "apt install python3-av"
        ) from error


def _readable(av: ModuleType, path: Path) -> Any:
    try:
        return _opened(av, path)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise CameraError(
            f"{path}: is no video that can be read ({_said(error)}): it is truncated, or something else; copy it "
            "again, or save it as MP4 with H.264"
        ) from error


def _opened(av: ModuleType, path: Path) -> Any:
    name, options = f"file:{path}", {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    try:
        # A title that is not UTF-8 is no reason to refuse a film.
        return av.open(name, options=options, metadata_errors="replace")
    except TypeError:  # from PyAV 19 on there is no such choice
        return av.open(name, options=options)


def _ordinary(path: Path) -> None:
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise CameraError(f"{path}: cannot be read ({error.strerror}); mend that, or copy it elsewhere") from error
    if size is None:
        raise CameraError(f"{path}: is no file; name a video file, or a folder with photographs")
    if not size:
        raise CameraError(f"{path}: is empty (0 bytes); copy it again from its source")


def _decoded(
    av: ModuleType, path: Path, container: Any, stream: Any, wanted: Callable[[float], bool]
) -> Iterator[VideoFrame]:
    clock, count, said = _Timing(stream), 0, ""
    try:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    _refuse_huge(path, frame.width, frame.height)
                    count += 1
                    at_s = clock.at_s(frame)
                    if wanted(at_s):
                        yield VideoFrame(_upright(frame), at_s)
            except av.error.FFmpegError as error:  # one damaged packet: the next may be whole
                said = _said(error)
    except av.error.FFmpegError as error:
        said = _said(error)
    if not count:
        raise CameraError(
            f"{path}: not one frame of it can be decoded ({said or 'it has none'}); save it as MP4 with H.264"
        )


class _Timing:
    """The instants of a film's frames, which go forward whatever the file claims."""

    def __init__(self, stream: Any) -> None:
        rate = float(stream.average_rate or 0) or 15.0
        self._usual_s = min(max(1 / rate, 1 / 240), _MOST_STEP_S)
        self._base = float(stream.time_base or 0)
        self._last: float | None = None
        self._at_s = 0.0

    def at_s(self, frame: Any) -> float:
        stamp = None if frame.pts is None or not self._base else frame.pts * self._base
        if self._last is not None:
            step = self._usual_s if stamp is None else stamp - self._last
            self._at_s += min(max(step, 0.0), _MOST_STEP_S)
        self._last = stamp if stamp is not None else (self._last or 0.0) + self._usual_s
        return self._at_s


def _upright(frame: Any) -> Pixels:
    pixels = frame.to_ndarray(format="rgb24")
    # A telephone films lying on its side, and says so; the number counts anticlockwise.
    quarters = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _refuse_huge(path: Path, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise CameraError(
            f"{path}: its frames of {width}×{height} are too large; scale it to "
            f"{MOST_PIXELS // 1_000_000} megapixels or less"
        )


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
