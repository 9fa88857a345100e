"""One suite over every Camera adapter; then what is particular to a folder, to the scene and to the Pi's camera.

The Pi's camera runs on a stand-in for picamera2 0.3.38 that does what its documentation says of frames, buffers and
jobs, so that a leak or a wrong byte order shows here as it would there.
"""

import io
import itertools
import struct
import sys
import threading
import time
import types
import zlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from edge.adapters.browser.camera import BrowserCamera
from edge.adapters.raspberry_pi.camera import PiCamera
from edge.adapters.replay.camera import AWAY_S, ReplayCamera
from edge.adapters.replay.scene import Scene
from edge.domain.face import Box
from edge.errors import CameraError

RED = (200, 40, 20)
FOREVER_S = 0.05


class FakeTime:
    """A monotonic clock that only sleeping moves."""

    def __init__(self):
        self.ns = 5_000_000_000
        self.slept = []

    def now(self):
        return self.ns

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.ns += round(seconds * 1e9)


def picture(colour=RED, size=(120, 160)):
    return np.full((*size, 3), colour, np.uint8)


# --- the stand-in for picamera2 ---


class FakeRequest:
    def __init__(self, camera):
        self.camera, self.released = camera, False
        self.metadata = {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "ExposureTime": 9_000}

    def make_array(self, name):
        assert name == "main"
        assert not self.released, "the buffer went back before it was copied"
        width, height = self.camera.config["main"]["size"]
        rgb = np.full((height, width, 3), RED, np.uint8)
        if self.camera.ev:  # what a sensor makes of it: twice the light a stop, then clipped
            rgb = np.clip(rgb * 2.0**self.camera.ev, 0, 255).astype(np.uint8)
        return {"BGR888": rgb, "RGB888": rgb[..., ::-1]}[self.camera.config["main"]["format"]]

    def get_metadata(self):
        return self.metadata if self.camera.metadata is None else dict(self.camera.metadata)

    def release(self):
        assert not self.released
        self.released = True
        self.camera.in_hands -= 1


class FakeJob:
    def __init__(self, camera):
        self.camera = camera

    def get_result(self, timeout=None):
        camera = self.camera
        assert timeout is not None, "without a limit it would wait for ever"
        assert self in camera.jobs, "asked for a job that was cancelled or has ended"
        if camera.unplugged or camera.in_hands >= camera.config["buffer_count"]:
            raise TimeoutError
        if camera.broken:
            raise RuntimeError("camera frontend has timed out")
        camera.jobs.remove(self)
        camera.in_hands += 1
        return FakeRequest(camera)


class FakePicamera2:
    """One camera; the class's attributes are what the bench has plugged in."""

    plugged_in = 1
    busy = False
    opened: ClassVar[list["FakePicamera2"]] = []
    refuse_configuration = False

    @staticmethod
    def global_camera_info():
        return [{"Num": n, "Model": "imx708"} for n in range(FakePicamera2.plugged_in)]

    def __init__(self, camera_num=0):
        if camera_num >= self.plugged_in:
            raise RuntimeError(f"No camera number {camera_num} found")
        if self.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.") from RuntimeError(
                "Device or resource busy"
            )
        self.config: dict = {}
        self.started = self.closed = False
        self.jobs: list[FakeJob] = []
        self.in_hands = 0
        self.ev = 0.0
        self.unplugged = self.broken = False
        self.metadata: dict | None = None
        self.opened.append(self)

    def create_video_configuration(self, main, buffer_count=6, queue=True, controls=None):
        return {"main": dict(main), "buffer_count": buffer_count, "queue": queue, "controls": controls}

    def configure(self, config):
        if self.refuse_configuration:
            raise RuntimeError("Failed to configure camera: bad size")
        self.config = config

    def start(self):
        self.started = True

    def capture_request(self, wait=None):
        assert wait is False
        assert self.started
        job = FakeJob(self)
        self.jobs.append(job)
        return job

    def set_controls(self, controls):
        if self.broken:
            raise RuntimeError("camera frontend has timed out")
        assert set(controls) == {"ExposureValue"}
        assert -8.0 <= controls["ExposureValue"] <= 8.0
        self.ev = controls["ExposureValue"]

    def cancel_all_and_flush(self):
        self.jobs.clear()

    def close(self):
        assert not self.jobs, "a job is left in the queue"
        self.started, self.closed = False, True


@pytest.fixture
def bench(monkeypatch):
    module = types.ModuleType("picamera2")
    fake = type("Picamera2", (FakePicamera2,), {"opened": []})
    module.Picamera2 = fake
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return fake


# --- every camera ---


@dataclass
class Rig:
    camera: Any
    stall: Any
    """Called with True and False; None where the camera cannot stall."""


@pytest.fixture
def folder(tmp_path):
    for index in range(3):
        Image.fromarray(picture((60 * index, 90, 90))).save(tmp_path / f"{index}.png")
    return tmp_path


def sending(camera, request):
    """A page that sends 200 frames a second until the test is over."""
    over = threading.Event()

    def send():
        while not over.wait(0.005):
            camera.offer(picture(size=(480, 640)))

    camera.offer(picture(size=(480, 640)))
    thread = threading.Thread(target=send)
    thread.start()
    request.addfinalizer(thread.join)
    request.addfinalizer(over.set)


@pytest.fixture(params=["folder", "pictures", "scene", "pi", "browser's scene", "browser's page"])
def rig(request):
    if request.param == "folder":
        return Rig(ReplayCamera(request.getfixturevalue("folder"), fps=200), None)
    if request.param == "pictures":
        return Rig(ReplayCamera([picture()], fps=200), None)
    if request.param == "scene":
        scene = Scene()
        return Rig(ReplayCamera(scene, fps=200), scene.stall)
    if request.param.startswith("browser"):
        scene = Scene()
        camera = BrowserCamera(scene, fps=200)
        if request.param == "browser's page":
            sending(camera, request)
        return Rig(camera, scene.stall)
    bench = request.getfixturevalue("bench")

    def stall(stalled):
        bench.opened[-1].unplugged = stalled

    return Rig(PiCamera(), stall)


def test_frames_are_what_the_port_promises(rig):
    rig.camera.open()
    last_ns = 0
    for _ in range(12):  # more than there are buffers: a leak stops the camera
        frame = rig.camera.read(60.0)
        assert frame.pixels.shape == (480, 640, 3)
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.flags.c_contiguous
        assert last_ns <= frame.captured_ns <= time.monotonic_ns()
        last_ns = frame.captured_ns
    assert time.monotonic_ns() - last_ns < 60e9
    rig.camera.close()


def test_a_frame_is_its_owners(rig):
    rig.camera.open()
    first = rig.camera.read(60.0)
    before = first.pixels.copy()
    for _ in range(5):
        rig.camera.read(60.0).pixels[:] = 7
    assert (first.pixels == before).all()
    rig.camera.close()


def test_a_stall_is_none_and_ends(rig):
    if rig.stall is None:
        return  # these two cannot stall; the scene, which drives the same code, can
    rig.camera.open()
    assert rig.camera.read(60.0) is not None
    rig.stall(True)
    for _ in range(8):
        assert rig.camera.read(FOREVER_S) is None
    rig.stall(False)
    for _ in range(8):
        assert rig.camera.read(60.0) is not None
    rig.stall(True)
    assert rig.camera.read(FOREVER_S) is None
    rig.camera.close()


def test_closing_twice_and_without_opening(rig):
    rig.camera.close()
    rig.camera.open()
    rig.camera.close()
    rig.camera.close()


@pytest.mark.parametrize("opened_before", [False, True])
def test_reading_a_closed_camera_is_refused(rig, opened_before):
    if opened_before:
        rig.camera.open()
        rig.camera.close()
    with pytest.raises(CameraError, match="not open"):
        rig.camera.read(FOREVER_S)


def test_it_gives_more_and_less_light_when_asked(rig):
    with pytest.raises(CameraError, match="open"):
        rig.camera.expose(1.0)
    rig.camera.open()
    means = []
    for ev in (0.0, 1.0, -1.0, 0.0):
        rig.camera.expose(ev)
        frame = rig.camera.read(1)
        assert frame.pixels.dtype == np.uint8
        means.append(frame.pixels.mean())
    assert means[1] > means[0] + 5
    assert means[2] < means[0] - 5
    assert means[3] == pytest.approx(means[0], abs=3)
    rig.camera.close()


def test_a_closed_camera_opens_again(rig):
    rig.camera.open()
    rig.camera.close()
    rig.camera.open()
    assert rig.camera.read(60.0) is not None
    rig.camera.close()


# --- photographs: bad ones first ---


def jpeg(image=None, **options):
    out = io.BytesIO()
    (image or Image.fromarray(picture())).save(out, "JPEG", **options)
    return out.getvalue()


def png_claiming(width, height):
    """A PNG header of a picture that would fill memory, with nothing behind it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


BAD = {
    "bitmap.png": b"BM" + bytes(200),
    "bomb.png": png_claiming(60_000, 60_000),
    "empty.jpg": b"",
    "head.png": png_claiming(10, 10)[:20],
    "text.jpg": b"GIF89a, or so it says",
    "truncated.jpg": jpeg(Image.effect_noise((300, 300), 80).convert("RGB"))[:4_000],
}


def test_all_bad_files_are_named_at_once_and_the_good_ones_are_not(tmp_path):
    for name, data in BAD.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "good.jpg").write_bytes(jpeg())
    (tmp_path / "directory.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    with pytest.raises(CameraError) as caught:
        ReplayCamera(tmp_path).open()
    lines = str(caught.value).splitlines()
    named = [line.split(":")[0].strip().rpartition("/")[2] for line in lines[1:]]
    assert named == sorted([*BAD, "directory.jpg", "dangling.jpg"])
    assert all(";" in line for line in lines[1:]), "each with its cure"
    assert str(tmp_path) in lines[0]


@pytest.mark.parametrize("kind", ["absent", "empty", "file", "only hidden and other files", "too many"])
def test_a_folder_that_cannot_be_shown(tmp_path, kind):
    folder = tmp_path / "photographs"
    if kind == "file":
        folder.touch()
    elif kind != "absent":
        folder.mkdir()
    if kind == "only hidden and other files":
        for name in (".hidden.jpg", "notes.txt", "photo.jpg.part"):
            (folder / name).write_bytes(jpeg())
    if kind == "too many":
        for index in range(101):
            (folder / f"{index}.jpg").touch()
    with pytest.raises(CameraError, match=r"photographs.*; (put JPEG|leave at most 100|name a folder)"):
        ReplayCamera(folder).open()


def test_a_replay_of_no_pictures_is_refused():
    with pytest.raises(CameraError, match="at least one"):
        ReplayCamera([]).open()


def test_a_large_photograph_is_kept_small(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(Image.new("RGB", (4000, 3000), RED)))
    camera = ReplayCamera(tmp_path)
    camera.open()
    assert camera._photos[0].shape == (1200, 1600, 3)
    camera.close()


# --- time ---


def replay(source, fake_time, **options):
    camera = ReplayCamera(source, now_ns=fake_time.now, sleep=fake_time.sleep, **options)
    camera.open()
    return camera


def test_frames_come_at_the_rate_that_was_asked_for():
    clock = FakeTime()
    camera = replay([picture()], clock, fps=10)
    at = [camera.read(1.0).captured_ns for _ in range(31)]
    assert at[0] == 5_000_000_000
    assert {later - earlier for earlier, later in itertools.pairwise(at)} == {100_000_000}


def test_a_late_reader_gets_the_frame_of_now_and_no_burst():
    clock = FakeTime()
    camera = replay([picture()], clock, fps=10)
    camera.read(1.0)
    clock.ns += 2_030_000_000
    assert camera.read(1.0).captured_ns == 7_030_000_000
    assert camera.read(1.0).captured_ns == 7_100_000_000


def test_a_frame_that_is_not_due_in_time_is_none():
    clock = FakeTime()
    camera = replay([picture()], clock, fps=1)
    camera.read(0.1)
    assert camera.read(0.25) is None
    assert clock.ns == 5_250_000_000
    assert camera.read(1.0).captured_ns == 6_000_000_000


def mean_colour(frame):
    return frame.pixels[200:260, 300:340].reshape(-1, 3).mean(0)


def film(camera, frames):
    """A letter a frame: the colour that stands there, or - for the empty room."""
    seen = []
    for _ in range(frames):
        colour = mean_colour(camera.read(1.0))
        seen.append("RGB"[int(colour.argmax())] if np.ptp(colour) > 60 else "-")
    return "".join(seen)


def test_each_photograph_comes_held_in_the_order_of_names_with_nobody_between(tmp_path):
    for name, colour in (("b.png", (0, 200, 0)), ("a.png", (200, 0, 0)), ("c.PNG", (0, 0, 200))):
        Image.fromarray(picture(colour)).save(tmp_path / name)
    assert AWAY_S == 1.5
    assert film(replay(tmp_path, FakeTime(), fps=2, hold_s=2), 24) == "---RRRR---GGGG---BBBB---"


def test_without_loop_the_room_stays_empty():
    assert film(replay([picture()], FakeTime(), fps=2, hold_s=1, loop=False), 20) == "---RR" + "-" * 15
    assert film(replay([picture()], FakeTime(), fps=2, hold_s=1), 20) == "---RR" * 4


def test_without_motion_only_the_noise_differs():
    frames = []
    for motion in (False, True):
        camera = replay([with_face()[0]], FakeTime(), fps=2, hold_s=9, motion=motion)
        shots = [camera.read(1.0).pixels.astype(int) for _ in range(12)]
        frames.append(max(np.abs(shot - shots[-1]).max() for shot in shots[4:]))
    assert frames[0] <= 4 < 40 < frames[1]


def test_closing_empties_the_room():
    clock = FakeTime()
    camera = replay([picture()], clock, fps=2, hold_s=9)
    assert film(camera, 5) == "---RR"
    camera.close()
    camera.open()
    assert film(camera, 4) == "---R"


# --- the scene ---


def test_the_wall_is_neither_flat_nor_the_same_twice():
    scene = Scene(motion=False)
    first, second = scene.render(0.0), scene.render(0.101)
    assert first[:60].mean() - first[-60:].mean() > 10, "a soft gradient"
    assert 1 < (first.astype(int) - second)[100:200, 100:200].std() < 5, "a sensor's noise"
    assert 90 < first.mean() < 190


def test_the_same_seed_gives_the_same_film():
    films = []
    for seed in (3, 3, 4):
        scene = Scene(seed=seed)
        scene.show(picture())
        films.append([scene.render(i / 15) for i in range(5)])
    assert all((a == b).all() for a, b in zip(films[0], films[1], strict=True))
    assert any((a != b).any() for a, b in zip(films[0], films[2], strict=True))


def with_face(size=(600, 500), box=(200, 150, 300, 270)):
    photo = np.full((*size, 3), (90, 90, 90), np.uint8)
    x0, y0, x1, y1 = box
    photo[y0:y1, x0:x1] = RED
    return photo, Box(*box)


def red_box(frame):
    rows, columns = np.nonzero(frame[..., 0].astype(int) - frame[..., 1] > 80)
    return columns.min(), rows.min(), columns.max(), rows.max()


@pytest.mark.parametrize("face_height", [None, 60, 180, 300])
def test_the_face_appears_as_tall_as_asked_and_where_faces_are(face_height):
    scene = Scene(motion=False)
    photo, face = with_face()
    scene.show(photo, aim=face, face_height=face_height)
    x0, y0, x1, y1 = red_box(scene.render(0.0))
    assert y1 - y0 + 1 == pytest.approx(face_height or 180, rel=0.03, abs=2)
    assert (x0 + x1) / 2 == pytest.approx(320, abs=2)
    assert (y0 + y1) / 2 == pytest.approx(240, abs=2)


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (200, 900)])
def test_a_photograph_without_a_known_face_covers_the_frame(size):
    scene = Scene(motion=False)
    scene.show(picture(size=size))
    assert red_box(scene.render(0.0)) == (0, 0, 639, 479)


def test_moving_never_shows_what_is_beyond_the_edge():
    scene = Scene()
    scene.show(picture())
    for i in range(300):
        frame = scene.render(i / 5)
        corners = frame[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int)
        assert (corners[:, 0] - corners[:, 1] > 80).all()


def test_motion_is_gentle_and_smooth():
    scene = Scene()
    photo, face = with_face()
    scene.show(photo, aim=face)
    centres = []
    for i in range(150):
        x0, y0, x1, y1 = red_box(scene.render(i / 15))
        centres.append(((x0 + x1) / 2, (y0 + y1) / 2))
    centres = np.array(centres)
    assert 4 < np.ptp(centres[:, 0]) < 24
    assert 2 < np.ptp(centres[:, 1]) < 20
    assert np.abs(np.diff(centres, axis=0)).max() < 4


def test_blur_and_light_are_as_asked():
    scene = Scene(motion=False)
    photo, face = with_face()

    def edge(frame):
        return np.abs(np.diff(frame[240, 200:320, 0].astype(float))).max()

    scene.show(photo, aim=face)
    sharp = scene.render(0.0)
    scene.show(photo, aim=face, blur=4)
    assert edge(scene.render(0.0)) < edge(sharp) / 3
    scene.show(photo, aim=face, gain=0.2)
    assert scene.render(0.0).mean() == pytest.approx(sharp.mean() * 0.2, rel=0.1)
    scene.show(photo, aim=face, gain=3.0)
    assert scene.render(0.0).max() >= 250
    assert (scene.render(0.0)[216, 320] >= scene.render(0.0)[2, 2]).any(), "nothing wrapped around"
    scene.clear()
    assert scene.render(0.0).mean() == pytest.approx(Scene(motion=False).render(0.0).mean(), abs=1)


def test_none_is_an_empty_hall_under_that_light():
    scene = Scene()
    bright = scene.render(0.0).mean()
    scene.show(None, gain=0.1)
    assert scene.render(0.0).mean() < bright / 5


@pytest.mark.parametrize("photo", [picture(size=(1, 1)), picture(size=(2, 3000)), picture(size=(3000, 2))])
def test_absurd_pictures_do_not_break_it(photo):
    scene = Scene()
    scene.show(photo, aim=Box(0, 0, 0, 0))
    assert scene.render(0.0).shape == (480, 640, 3)


# --- the Pi's camera ---


def test_pixels_are_rgb(bench):
    camera = PiCamera()
    camera.open()
    assert tuple(camera.read(1.0).pixels[0, 0]) == RED
    camera.close()


def test_the_configuration_given_to_picamera2_is_minimal(bench):
    camera = PiCamera(size=(1280, 720), fps=20)
    camera.open()
    assert bench.opened[0].config == {
        "main": {"size": (1280, 720), "format": "BGR888"},
        "buffer_count": 4,
        "queue": False,
        "controls": {"FrameDurationLimits": (50_000, 50_000)},
    }
    assert camera.read(1.0).pixels.shape == (720, 1280, 3)
    camera.close()
    assert bench.opened[0].closed


def test_one_job_waits_through_a_stall_and_none_is_left_behind(bench):
    camera = PiCamera()
    camera.open()
    fake = bench.opened[0]
    fake.unplugged = True
    for _ in range(30):
        assert camera.read(0.0) is None
    assert len(fake.jobs) == 1
    fake.unplugged = False
    for _ in range(30):
        assert camera.read(1.0) is not None
    assert fake.in_hands == 0
    fake.unplugged = True
    camera.read(0.0)
    camera.close()
    assert fake.closed
    assert fake.jobs == []


def test_time_is_the_sensors_on_our_clock(bench, monkeypatch):
    camera = PiCamera()
    camera.open()
    fake = bench.opened[0]
    read_out_ns = time.monotonic_ns() - 3_600 * 10**9
    ahead = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    fake.metadata = {"SensorTimestamp": read_out_ns + ahead, "ExposureTime": 9_000}
    assert camera.read(1.0).captured_ns == pytest.approx(read_out_ns, abs=60 * 10**9)
    fake.metadata = {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 10**12}
    assert camera.read(1.0).captured_ns <= time.monotonic_ns(), "never in the future"
    fake.metadata = {}
    before_ns = time.monotonic_ns()
    assert before_ns <= camera.read(1.0).captured_ns <= time.monotonic_ns()
    camera.close()


def test_a_suspend_does_not_shift_the_time_of_a_frame(bench, monkeypatch):
    """After a suspend of an hour boottime is an hour ahead of the monotonic clock."""
    hour = 3_600 * 10**9
    monkeypatch.setattr(
        "edge.adapters.raspberry_pi.camera.time.clock_gettime_ns", lambda _: time.monotonic_ns() + hour
    )
    camera = PiCamera()
    camera.open()
    read_out_ns = time.monotonic_ns()
    bench.opened[0].metadata = {"SensorTimestamp": read_out_ns + hour}
    assert camera.read(1.0).captured_ns == pytest.approx(read_out_ns, abs=60 * 10**9), (
        "minutes, where the fault is an hour"
    )
    camera.close()


def test_no_camera_names_the_cable(bench):
    bench.plugged_in = 0
    FakePicamera2.plugged_in = 0
    try:
        with pytest.raises(CameraError, match=r"no camera 0 \(0 found\).*ribbon cable.*rpicam-hello"):
            PiCamera().open()
    finally:
        FakePicamera2.plugged_in = 1


def test_a_camera_in_use_names_the_cure(bench):
    bench.busy = True
    with pytest.raises(CameraError, match=r"Device or resource busy.*fuser.*group video"):
        PiCamera().open()


def test_a_size_that_it_refuses_gives_the_camera_back(bench):
    bench.refuse_configuration = True
    with pytest.raises(CameraError, match=r"640×480.*bad size"):
        PiCamera().open()
    assert bench.opened[0].closed


def test_a_failing_camera_is_our_error_and_closes(bench):
    camera = PiCamera()
    camera.open()
    bench.opened[0].broken = True
    with pytest.raises(CameraError, match="check its cable"):
        camera.read(1.0)
    camera.close()
    assert bench.opened[0].closed


def test_a_frame_of_another_shape_is_refused(bench, monkeypatch):
    monkeypatch.setattr(FakeRequest, "make_array", lambda self, name: np.zeros((480, 704, 3), np.uint8))
    camera = PiCamera()
    camera.open()
    with pytest.raises(CameraError, match=r"704.*multiples of 64"):
        camera.read(1.0)
    assert bench.opened[0].in_hands == 0, "released all the same"
    camera.close()


def test_a_camera_that_will_not_close_does_not_hold_up_the_shutdown(bench, monkeypatch, caplog):
    camera = PiCamera()
    camera.open()

    def refuse():
        raise RuntimeError("camera.release() failed")

    monkeypatch.setattr(bench.opened[0], "close", refuse)
    camera.close()
    assert "did not close cleanly" in caplog.text


def test_without_picamera2_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match=r"apt install python3-picamera2.*--system-site-packages"):
        PiCamera().open()


def test_a_numpy_that_does_not_fit_is_named(monkeypatch, tmp_path):
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed, may indicate ...')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with pytest.raises(CameraError, match=r"does not fit numpy.*locks/terminal.txt"):
        PiCamera().open()
