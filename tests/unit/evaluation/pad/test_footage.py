"""Films for `evaluate-pad`, made by PyAV: bad ones first, then which frames are looked at, and when they were."""

import json
import struct
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from edge.cli import build_parser
from edge.config_schema import CameraConfig
from edge.errors import CameraError, PhotoError
from edge.evaluation.pad.dataset import FILMS, Clip, read_folder
from edge.evaluation.pad.footage import Sampling, Shot, expected, shots
from tests.support.clips import make_film, sound


def greys(count: int, size: tuple[int, int] = (240, 320)) -> list[np.ndarray]:
    return [np.full((*size, 3), 20 + 3 * (n % 75), np.uint8) for n in range(count)]


def taken(path: Path, **sampling) -> list[Shot]:
    return list(shots(Clip("screen", f"screen/{path.name}", (path,), ()), Sampling(**sampling)))


def numbers(found: list[Shot]) -> list[int]:
    return [round((float(shot.pixels.mean()) - 20) / 3) for shot in found if shot.pixels is not None]


# --- what cannot be looked at ---


def test_each_bad_film_says_what_is_wrong_and_the_cure(tmp_path: Path) -> None:
    whole = make_film(tmp_path / "whole.mp4", greys(30)).read_bytes()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.mov").write_bytes(b"not a film\n" * 100)
    sound(tmp_path / "sound.mp4")
    coded = make_film(tmp_path / "a.mkv", greys(5)).read_bytes()
    (tmp_path / "codec.mkv").write_bytes(coded.replace(b"V_MPEG4/ISO/ASP", b"V_NOBODY/KNOWS0"))
    for name, said in {
        "empty.mp4": "is empty",
        "half.mp4": "is no video that can be read",
        "text.mov": "is no video that can be read",
        "sound.mp4": "only sound",
        "codec.mkv": r"save it as MP4 with H\.264",
    }.items():
        (shot,) = taken(tmp_path / name)
        assert shot.pixels is None
        assert shot.at_ms == 0
        assert str(tmp_path / name) in shot.problem
        assert said.replace("\\", "") in shot.problem
        assert expected(Clip("screen", "screen/a", (tmp_path / name,), ()), 15) > 0, "a guess for the progress bar"


def test_a_film_of_absurd_size_is_not_decoded(tmp_path: Path, monkeypatch) -> None:
    from edge.adapters.replay import video_file

    path = make_film(tmp_path / "a.mp4", greys(2, (480, 640)))
    monkeypatch.setattr(video_file, "MOST_PIXELS", 640 * 480 - 1)
    (shot,) = taken(path)
    assert shot.pixels is None
    assert "too large; scale it" in shot.problem


def test_a_film_that_breaks_off_counts_up_to_there_and_says_so(tmp_path: Path) -> None:
    content = make_film(tmp_path / "a.mkv", greys(100), codec="ffv1", rate=10).read_bytes()
    path = tmp_path / "b.mkv"
    path.write_bytes(content[: len(content) // 2])
    *good, last = taken(path)
    assert len(good) > 20
    assert all(shot.pixels is not None for shot in good)
    assert last.pixels is None
    assert "of the 10.0 s that it claims; what there is counts. Copy it again" in last.problem
    assert all(shot.pixels is not None for shot in taken(tmp_path / "a.mkv"))


def test_a_name_that_is_no_utf8_ends_nothing(tmp_path: Path, smartclocker, photos: Path) -> None:
    (tmp_path / "set" / "real").mkdir(parents=True)
    name = b"\xff\n.mp4".decode(errors="surrogateescape")
    (tmp_path / "set" / "real" / name).write_bytes(b"x")
    (tmp_path / "set" / "real" / "a.jpg").write_bytes((photos / "obama.jpg").read_bytes())
    out = tmp_path / "out.json"
    done = smartclocker("evaluate-pad", tmp_path / "set", "--json", out, "--html", tmp_path / "out.html")
    assert done.returncode == 0, done.stderr
    assert "real/\\udcff\\x0a.mp4" in done.stdout, "on one line"
    assert {row["name"] for row in json.loads(out.read_text())["recordings"]} == {"real", f"real/{name}"}


def test_a_folder_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "real").mkdir()

    def refused(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(PhotoError, match=r"cannot be read \(Permission denied\); mend that"):
        read_folder(tmp_path)


def test_without_pyav_the_cure_is_named_before_anything_is_looked_at(tmp_path: Path, monkeypatch, capsys) -> None:
    from edge.cli import main

    (tmp_path / "set" / "real").mkdir(parents=True)
    make_film(tmp_path / "set" / "real" / "ada.mp4", greys(2))
    monkeypatch.setitem(sys.modules, "av", None)
    assert main(["evaluate-pad", str(tmp_path / "set")]) == CameraError.exit_code
    assert "pip install 'smartclocker-edge[video]'" in capsys.readouterr().err


# --- which frames ---


def test_films_are_looked_at_as_the_terminal_looks_unless_said_otherwise() -> None:
    usual, camera = Sampling(), CameraConfig()
    assert (usual.rate, usual.size) == (camera.fps, (camera.width, camera.height))
    asked = build_parser().parse_args(["evaluate-pad", "set"])
    assert Sampling(asked.rate, asked.size) == usual


def test_a_film_of_thirty_is_looked_at_fifteen_times_a_second(tmp_path: Path) -> None:
    found = taken(make_film(tmp_path / "a.mkv", greys(60), codec="ffv1", rate=30))
    assert numbers(found) == list(range(0, 60, 2))
    assert [shot.at_ms for shot in found][:4] == [0, 67, 133, 200]
    assert numbers(taken(tmp_path / "a.mkv", rate=5)) == list(range(0, 60, 6))


@pytest.mark.parametrize("rate", [5, 10, 15])
def test_a_slower_film_is_taken_whole(tmp_path: Path, rate: int) -> None:
    found = taken(make_film(tmp_path / "a.mkv", greys(20), codec="ffv1", rate=rate))
    assert numbers(found) == list(range(20))
    assert found[-1].at_ms == pytest.approx(19_000 / rate, abs=1)


def test_a_film_of_twenty_four_never_goes_over_the_rate(tmp_path: Path) -> None:
    found = taken(make_film(tmp_path / "a.mkv", greys(72), codec="ffv1", rate=24))
    assert len(found) == 45
    assert max(later.at_ms - earlier.at_ms for earlier, later in pairwise(found)) <= 84


def test_times_are_the_films_own_where_its_rate_varies(tmp_path: Path) -> None:
    path, at_ms = tmp_path / "a.mkv", [0, 20, 40, 300, 320, 900, 1_000, 1_010]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=50)
        stream.height, stream.width, stream.pix_fmt = 240, 320, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, at in enumerate(at_ms):
            frame = av.VideoFrame.from_ndarray(greys(number + 1)[-1], format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = taken(path)
    assert [shot.at_ms for shot in found] == [0, 300, 900, 1_000]
    assert numbers(found) == [0, 3, 5, 6]


def test_a_film_of_a_telephone_that_was_held_upright_stands_upright(tmp_path: Path) -> None:
    pictures = np.zeros((240, 320, 3), np.uint8)
    pictures[:, :160] = 200
    path = make_film(tmp_path / "a.mp4", [pictures] * 3)
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    # A quarter turn clockwise, as a telephone writes it beside pictures that lie on their side.
    content[at : at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(content)
    pixels = taken(path, size=(320, 320))[0].pixels
    assert pixels is not None
    assert pixels[:140].mean() > 150, "what was on the left is above"
    assert pixels[180:].mean() < 50


def test_a_film_covers_the_terminals_picture(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", greys(1, (1280, 720)))
    assert {shot.pixels.shape for shot in taken(path) if shot.pixels is not None} == {(480, 640, 3)}


def test_the_number_of_frames_is_estimated_from_the_length(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", greys(60), rate=30)
    assert expected(Clip("screen", "screen/a", (path,), ()), 15) == pytest.approx(30, abs=2)


# --- the folder ---


def test_films_lie_beside_pictures_and_each_is_a_recording(tmp_path: Path) -> None:
    names = [
        "real/ada/1.jpg", "real/ada/2.jpg", "real/ben.MP4", "screen/ada/one.mov", "screen/ada/two.webm",
        "screen/clip_1.jpg", "screen/clip_2.jpg", "screen/notes.txt",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    folder = read_folder(tmp_path, 15)
    assert folder.recordings == (
        "real/ben.MP4", "real/ada", "screen/ada/one.mov", "screen/ada/two.webm", "screen/clip",
    )  # fmt: skip
    assert (folder.films, folder.images, folder.other_files) == (3, 4, 1)
    assert [clip.film for clip in folder.clips].count(True) == 3
    assert read_folder(tmp_path).recordings[-1] == "screen", "pictures of a kind alone have no name of their own"


def test_every_usual_container_counts_as_a_film() -> None:
    assert {".mp4", ".mov", ".mkv", ".webm", ".avi", ".3gp"} <= FILMS
