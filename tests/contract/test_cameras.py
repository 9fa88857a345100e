"""One suite over every Camera adapter; then what is particular to a folder and to the scene.

The Pi's camera and the USB camera run on stand-ins (tests/support).
"""

import io
import itertools
import struct
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge.adapters.browser.camera import BrowserCamera
from edge.adapters.raspberry_pi.camera import PiCamera
from edge.adapters.replay.camera import AWAY_S, ReplayCamera
from edge.adapters.replay.film import FilmCamera
from edge.adapters.replay.scene import Scene
from edge.adapters.v4l2.camera import UsbCamera
from edge.domain.face import Box
from edge.errors import CameraError
from edge.ports import Camera
from tests.support.contracts import contract, holds
from tests.support.fake_v4l2 import DEVICE, YUYV

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


STALLING = [
    pytest.param("scene", marks=contract(Camera, ReplayCamera, "a directed scene")),
    pytest.param("pi", marks=contract(Camera, PiCamera, "a stand-in for picamera2")),
    pytest.param("usb", marks=contract(Camera, UsbCamera, "a stand-in for V4L2's ioctls, YUYV")),
    pytest.param("usb mjpeg", marks=contract(Camera, UsbCamera, "a stand-in for V4L2's ioctls, MJPEG")),
    pytest.param("browser's scene", marks=contract(Camera, BrowserCamera, "a directed scene")),
    pytest.param("browser's page", marks=contract(Camera, BrowserCamera, "frames of the page's own calls")),
]
OTHERS = [
    pytest.param("folder", marks=contract(Camera, ReplayCamera, "a folder of photographs, decoded by Pillow")),
    pytest.param("pictures", marks=contract(Camera, ReplayCamera, "pictures")),
    pytest.param("film", marks=contract(Camera, FilmCamera, "a film, decoded by PyAV")),
]
"""These cannot stall."""


@pytest.fixture(params=[*STALLING, *OTHERS])
def rig(request):
    made = rig_of(request)
    holds(request, made.camera)
    return made


def rig_of(request):
    if request.param == "film":
        return Rig(FilmCamera(request.getfixturevalue("clip")), None)
    if request.param.startswith("usb"):
        kernel = request.getfixturevalue("usb")
        if request.param == "usb mjpeg":
            del kernel.offers[YUYV]
        return Rig(UsbCamera(Path(DEVICE), calls=kernel), kernel.stall)
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


@pytest.mark.parametrize("rig", STALLING, indirect=True)
def test_a_stall_is_none_and_ends(rig):
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


def test_it_tells_which_camera_it_is_open_or_not(rig):
    before = rig.camera.identify()
    rig.camera.open()
    assert rig.camera.identify() == before
    assert before.model
    assert before.virtual == (before.kind == "replay")
    rig.camera.close()
    assert rig.camera.identify() == before


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
