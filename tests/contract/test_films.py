"""Replay of video files: bad ones first, then pace, loop and size. The clips are made by PyAV from photographs."""

import io
import itertools
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from edge.adapters.replay import film, video_file
from edge.adapters.replay.film import FilmCamera, covering
from edge.adapters.replay.video_file import frames_of
from edge.config_schema import CameraConfig
from edge.errors import CameraError
from edge.ports import Camera
from edge.terminal import adapters
from edge.vision.photo import load_photo
from tests.support.clips import make_film, sound
from tests.support.contracts import contract

pytestmark = contract(Camera, FilmCamera, "films good and bad, decoded by PyAV")


def pictures(count: int, size: tuple[int, int] = (240, 320)) -> list[np.ndarray]:
    """Each of another grey, so that a frame tells its number."""
    return [np.full((*size, 3), 20 + 4 * n, np.uint8) for n in range(count)]


def number_of(frame) -> int:
    return round((frame.pixels.mean() - 20) / 4)


def exact_film(folder: Path, count: int) -> Path:
    """Ten frames a second, of a codec that keeps every level."""
    return make_film(folder / "a.mkv", pictures(count), codec="ffv1", rate=10)


class FakeTime:
    """A monotonic clock that only sleeping moves."""

    def __init__(self) -> None:
        self.ns = 5_000_000_000

    def now(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)


def replay(path: Path, clock: FakeTime, **options) -> FilmCamera:
    camera = FilmCamera(path, size=(320, 240), now_ns=clock.now, sleep=clock.sleep, **options)
    camera.open()
    return camera


# --- files that cannot be shown ---


def bad_files(folder: Path) -> dict[str, str]:
    """Writes them; by name, what is said of each."""
    whole = make_film(folder / "whole.mp4", pictures(30)).read_bytes()
    contents = {
        "empty.mp4": (b"", "is empty"),
        "half.mp4": (whole[: len(whole) // 2], "is no video that can be read"),
        "head.mp4": (whole[:64], "is no video that can be read"),
        "text.mp4": (b"not a film\n" * 1_000, "is no video that can be read"),
        "noise.mp4": (np.random.default_rng(2).bytes(100_000), "is no video that can be read"),
        "list.m3u8": (b"#EXTM3U\n#EXTINF:5,\nwhole.mp4\n#EXT-X-ENDLIST\n", "is no video that can be read"),
        "list.ffconcat": (b"ffconcat version 1.0\nfile 'whole.mp4'\n", "is no video that can be read"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    sound(folder / "sound.mp4")
    return {name: said for name, (_, said) in contents.items()} | {"sound.mp4": "holds no pictures, only sound"}


def test_every_bad_file_is_named_with_its_cure(tmp_path: Path) -> None:
    for name, said in bad_files(tmp_path).items():
        with pytest.raises(CameraError, match=said) as caught:
            FilmCamera(tmp_path / name).open()
        assert str(tmp_path / name) in str(caught.value)
        assert ";" in str(caught.value) or "copy it again" in str(caught.value), "with its cure"


def test_a_folder_or_nothing_in_place_of_a_film(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.mp4"):
        with pytest.raises(CameraError, match="is no file; name a video file, or a folder"):
            FilmCamera(path).open()


def test_a_codec_that_is_not_known(tmp_path: Path) -> None:
    content = make_film(tmp_path / "a.mkv", pictures(5)).read_bytes()
    assert content.count(b"V_MPEG4/ISO/ASP") == 1
    (tmp_path / "b.mkv").write_bytes(content.replace(b"V_MPEG4/ISO/ASP", b"V_NOBODY/KNOWS0"))
    with pytest.raises(CameraError, match=r"save it as MP4 with H\.264"):
        FilmCamera(tmp_path / "b.mkv").open()


def test_huge_frames_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch) -> None:
    path = make_film(tmp_path / "a.mp4", pictures(2, (480, 640)))
    monkeypatch.setattr(video_file, "MOST_PIXELS", 640 * 480 - 1)
    monkeypatch.setattr(video_file, "_decoded", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(CameraError, match="frames of 640×480 are too large; scale it"):
        FilmCamera(path).open()


@pytest.mark.parametrize("container", ["avi", "mkv"])
def test_a_huge_frame_in_the_middle_of_a_film_is_passed_over_and_not_decoded(
    tmp_path: Path, monkeypatch, container: str
) -> None:
    monkeypatch.setattr(video_file, "MOST_PIXELS", 640 * 480)
    path = tmp_path / f"a.{container}"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=15)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        for number, size in enumerate([(640, 480), (1600, 1200), (320, 240), (640, 480)]):
            jpeg = io.BytesIO()
            Image.new("RGB", size, (90, 120, 30)).save(jpeg, "JPEG")
            packet = av.Packet(jpeg.getvalue())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 15)
            out.mux(packet)
    assert [frame.pixels.shape[:2] for frame in frames_of(path)] == [(480, 640), (240, 320), (480, 640)]


def test_a_film_that_breaks_off_is_shown_up_to_there(tmp_path: Path) -> None:
    content = make_film(tmp_path / "a.mkv", pictures(40), codec="ffv1").read_bytes()
    (tmp_path / "b.mkv").write_bytes(content[: len(content) // 2])
    count = sum(1 for _ in frames_of(tmp_path / "b.mkv"))
    assert 5 < count < 40


def test_damaged_bytes_in_the_middle_end_nothing(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mkv", pictures(40))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    assert sum(1 for _ in frames_of(path)) > 10


def test_a_title_that_is_not_utf8_is_no_reason_to_refuse_a_film(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Cafe at the door"
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = 240, 320, "yuv420p"
        frame = av.VideoFrame.from_ndarray(pictures(1)[0], format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    content = path.read_bytes()
    assert content.count(b"Cafe at") == 1
    path.write_bytes(content.replace(b"Cafe at", b"Caf\xe9 at"))
    assert sum(1 for _ in frames_of(path)) == 1


def test_without_pyav_the_cure_is_named(tmp_path: Path, monkeypatch) -> None:
    path = make_film(tmp_path / "a.mp4", pictures(2))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(CameraError, match=r"need PyAV.*pip install 'smartclocker-edge\[video\]'"):
        FilmCamera(path).open()


def test_a_long_film_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", (one for _ in range(40) for one in pictures(10)))
    next(frames_of(path))  # what is imported counts once
    tracemalloc.start()
    count = sum(1 for _ in frames_of(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 400
    assert peak < 10 * 320 * 240 * 3


# --- pace ---


def test_frames_come_at_the_pace_of_the_film(tmp_path: Path) -> None:
    clock = FakeTime()
    camera = replay(exact_film(tmp_path, 30), clock)
    frames = [camera.read(1.0) for _ in range(20)]
    assert [number_of(frame) for frame in frames] == list(range(20))
    steps = [later.captured_ns - earlier.captured_ns for earlier, later in itertools.pairwise(frames)]
    assert steps == [pytest.approx(100_000_000, abs=2_000_000)] * 19
    assert camera.read(0.02) is None, "the next one is not due yet"
    camera.close()


def test_a_late_reader_gets_the_frame_of_now_and_no_burst(tmp_path: Path) -> None:
    clock = FakeTime()
    camera = replay(exact_film(tmp_path, 50), clock)
    assert number_of(camera.read(1.0)) == 0
    clock.ns += 1_530_000_000
    assert number_of(camera.read(1.0)) == 15
    assert number_of(camera.read(1.0)) == 16
    camera.close()


def test_a_machine_that_is_far_too_slow_shows_the_film_more_slowly(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(film, "_MOST_SKIPPED", 3)
    clock = FakeTime()
    camera = replay(exact_film(tmp_path, 50), clock)
    camera.read(1.0)
    clock.ns += 3_000_000_000
    assert number_of(camera.read(1.0)) == 4
    assert number_of(camera.read(1.0)) == 5
    camera.close()


def test_after_its_end_it_begins_again_or_stays_silent(tmp_path: Path) -> None:
    path = exact_film(tmp_path, 5)
    camera = replay(path, FakeTime())
    assert [number_of(camera.read(2.0)) for _ in range(12)] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    camera.close()
    camera = replay(path, FakeTime(), loop=False)
    assert [number_of(camera.read(2.0)) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert camera.read(2.0) is None
    camera.close()


@pytest.mark.parametrize("stamps", [[0, 10**12, 10**12 + 1], [50, 20, 10], [5, 5, 5]])
def test_times_that_nobody_believes_stop_nothing(tmp_path: Path, stamps: list[int]) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for picture in pictures(3):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)

    class Frame:
        def __init__(self, pts: int) -> None:
            self.pts = pts

    with av.open(str(path)) as container:
        timing = video_file._Timing(container.streams.video[0])
        times = [timing.at_s(Frame(pts)) for pts in stamps]
    assert times[0] == 0
    assert times == sorted(times)
    assert times[-1] <= 4.0


# --- pixels ---


def test_a_photograph_in_a_film_keeps_its_colours(tmp_path: Path, photos: Path) -> None:
    photo = load_photo(photos / "obama.jpg")
    photo = photo[: photo.shape[0] // 2 * 2, : photo.shape[1] // 2 * 2]
    path = make_film(tmp_path / "a.mkv", [photo] * 3, codec="ffv1")
    (first, *_) = frames_of(path)
    assert first.pixels.shape == photo.shape
    assert np.abs(first.pixels.astype(int) - photo).mean() < 4


@pytest.mark.parametrize("shape", [(240, 320), (1080, 1920), (1920, 1080), (100, 100)])
def test_a_film_of_any_shape_covers_the_frame_and_nothing_is_stretched(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]]
    radius = min(shape) // 4
    picture[(down - (shape[0] - 1) / 2) ** 2 + (across - (shape[1] - 1) / 2) ** 2 < radius**2] = 255
    covered = covering(picture, (640, 480))
    assert covered.shape == (480, 640, 3)
    rows, columns = np.nonzero(covered[..., 0] > 127)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), rel=0.03)
    assert rows.mean() == pytest.approx(239.5, abs=2)
    assert columns.mean() == pytest.approx(319.5, abs=2)


def test_the_configuration_names_a_folder_or_a_film(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", pictures(2))

    def kind_of(replay: Path) -> str:
        class Chosen:
            camera = CameraConfig(kind="replay", replay=str(replay))

        return adapters.camera(Chosen).identify().model

    assert kind_of(path) == "video"
    assert kind_of(tmp_path) == "folder"
