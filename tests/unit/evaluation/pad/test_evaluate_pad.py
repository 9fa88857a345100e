"""evaluate-pad: folders as they come, rates by hand, and the whole verb on photographs and pictures of them."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from edge.errors import PhotoError
from edge.evaluation.pad.dataset import read_folder
from edge.evaluation.pad.metrics import det, eer
from edge.vision.photo import load_photo
from tests.support.browser import draw
from tests.support.tolerance import SINGLE


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_no_folder_and_no_picture_say_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    touch(tmp_path / "a.jpg", tmp_path / "real" / "notes.txt")
    with pytest.raises(PhotoError, match="put genuine faces into real/"):
        read_folder(tmp_path)


def test_real_comes_first_and_what_is_no_picture_is_counted(tmp_path: Path) -> None:
    touch(
        tmp_path / "stray.jpg",
        tmp_path / "real" / "ada" / "1.JPG",
        tmp_path / "print" / "1.png",
        tmp_path / "print" / "1.gif",
    )
    (tmp_path / "empty").mkdir()
    folder = read_folder(tmp_path)
    assert folder.kinds == ("real", "print")
    assert (folder.images, folder.other_files) == (2, 2)


def test_a_linked_folder_is_followed_and_a_circle_ends(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "ada" / "1.jpg")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "real").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path / "elsewhere")
    assert read_folder(tmp_path / "set").images == 1


def test_frames_of_one_video_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ("a_2", "a_10", "b_1", "alone")
    touch(*(tmp_path / "real" / f"{name}.jpg" for name in names))
    alone = read_folder(tmp_path).clips
    assert [len(clip.files) for clip in alone] == [1, 1, 1, 1]
    clips = {tuple(file.stem for file in clip.files): clip.at_ms for clip in read_folder(tmp_path, 20).clips}
    assert clips == {("a_2", "a_10"): (100, 500), ("b_1",): (50,), ("alone",): (0,)}


def test_the_det_is_that_of_the_worst_kind_and_nan_never_passes() -> None:
    points = det([0.9, 0.6, float("nan")], {"print": [0.1, 0.2], "screen": [0.7, float("nan")]})
    at = {round(point.threshold, 3): (point.apcer, point.bpcer) for point in points}
    assert at[0.0] == (1.0, pytest.approx(1 / 3, abs=SINGLE))
    assert at[0.6] == (0.5, pytest.approx(1 / 3, abs=SINGLE))
    assert at[0.7] == (0.5, pytest.approx(2 / 3, abs=SINGLE))
    assert at[1.0] == (0.0, 1.0)
    assert det([], {"print": [0.1]}) == []
    assert det([0.1], {}) == []


def test_the_equal_error_rate() -> None:
    assert eer([]) is None
    assert eer(det([0.9, 0.8], {"print": [0.1, 0.2]})) == 0.0
    assert eer(det([0.2, 0.8], {"print": [0.1, 0.5]})) == 0.5


@pytest.fixture(scope="module")
def measured(tmp_path_factory, photos: Path, smartclocker):
    """Real portraits; and as attacks what came of them: held up as small pictures, and files that are none."""
    folder = tmp_path_factory.mktemp("pad")
    for kind in ("real", "print", "broken"):
        (folder / kind).mkdir()
    for name in ("biden.jpg", "obama.jpg"):
        pixels = load_photo(photos / name)
        side = min(pixels.shape[:2])
        small = Image.fromarray(pixels[:side, :side]).resize((420, 420))
        small.save(folder / "real" / f"{Path(name).stem}.png")
        wall = Image.new("RGB", (640, 480), (200, 200, 190))
        wall.paste(small.resize((300, 300)), (170, 90))
        wall.save(folder / "print" / f"{Path(name).stem}.png")
    (folder / "broken" / "none.jpg").write_bytes(b"")
    noise = np.random.default_rng(4).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "broken" / "noise.png")
    done = smartclocker(
        "evaluate-pad", folder, "--json", folder / "out.json", "--html", folder / "out.html", timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "out.json").read_text()), (folder / "out.html").read_text()


def test_every_image_of_the_folder_is_counted(measured) -> None:
    said, found, _ = measured
    assert found["images"] == {"real": 2, "broken": 2, "print": 2}
    assert found["detected"] == {"real": 2, "broken": 0, "print": 2}
    assert found["rejected"]["broken"] == {"unreadable": 1, "no-face": 1}
    assert [Path(file).name for file in found["unreadable"]] == ["none.jpg"]
    assert "none.jpg" in said
    for kind in ("real", "print"):
        assert found["attempts"][kind] == found["accepted"][kind] == 2


def test_the_figures_agree_with_each_other(measured) -> None:
    said, found, _ = measured
    assert found["apcer"]["broken"] is None
    assert found["bpcer"] == 0.0
    assert found["apcer"]["print"] in {0.0, 0.5, 1.0}
    assert found["acer"] == pytest.approx((found["apcer_worst"] + found["bpcer"]) / 2, abs=SINGLE)
    at_shipped = next(point for point in found["det"] if point[0] >= found["threshold"])
    assert at_shipped[1:] == [found["apcer"]["print"], found["bpcer"]]
    assert f"BPCER: {100 * found['bpcer']:.2f} % of 2" in said


def test_drawn_attacks_are_counted_apart(smartclocker, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").write_bytes((photos / "obama2.jpg").read_bytes())
    out = tmp_path / "out.json"
    done = smartclocker("evaluate-pad", tmp_path, "--simulate", "--json", out, "--html", tmp_path / "out.html")
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["attempts"] == {"real": 1, "simulated-picture": 1, "simulated-display": 1}
    assert found["apcer"] == {}
    assert found["acer"] is None
    assert found["simulated"] == {"simulated-picture": 0.0, "simulated-display": 0.0}
    assert found["layers"]["grid"]["simulated"]["simulated-display"] == 0.0
    assert found["layers"]["border"]["simulated"]["simulated-picture"] == 0.0


def test_other_regions_are_a_table(smartclocker, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").write_bytes((photos / "obama.jpg").read_bytes())
    done = smartclocker("evaluate-pad", tmp_path, "--regions", "1.5,2.1")
    assert done.returncode == 0, done.stderr
    assert "2.1: real 0.00 % of 1" in done.stdout
    assert smartclocker("evaluate-pad", tmp_path, "--regions", "2.1,0").returncode == 2
    assert smartclocker("evaluate-pad", tmp_path, "--regions", "wide").returncode == 2


def test_the_page_is_well_formed_and_fetches_nothing(measured) -> None:
    page = measured[2]
    drawing = re.search(r"<svg.*</svg>", page, re.DOTALL)
    assert drawing is not None
    assert len(ET.fromstring(drawing[0]).findall(".//*[@id='curve-APCER-0']")) == 1
    assert not re.search(r"""(src|href)=(?!"#)|url\((?!#)|@import""", page)


def test_a_real_browser_draws_the_pad_report(measured, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(measured[2])
    drawn, colours = draw(page, tmp_path, height=4_000)
    assert drawn.count('id="curve-') == 1
    assert "every picture, one without a verdict counted as refused" in drawn
    assert {(0, 0x66, 0xCC), (0xCC, 0x33, 0)} <= colours


def test_fps_must_be_a_number_of_frames(smartclocker, tmp_path: Path) -> None:
    for wrong in ("0", "many", "-3", "nan"):
        done = smartclocker("evaluate-pad", tmp_path, f"--fps={wrong}")
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
