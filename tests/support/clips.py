"""Video files for tests, made by PyAV from photographs; none is kept in the repository."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np


def make_film(path: Path, pictures: Iterable[np.ndarray], *, codec: str = "mpeg4", rate: int = 15) -> Path:
    """A film of RGB pictures of one size, an even number of pixels each way."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width = picture.shape[:2]
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def sound(path: Path) -> Path:
    """A file with a second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return path
