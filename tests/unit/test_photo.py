"""Photographs of every kind, whole and broken."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import PhotoError
from edge.vision.photo import load_photo

PICTURE = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (1, 48, 3)))


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "CMYK", "1", "I;16"])
def test_every_colour_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = PICTURE.convert("I").convert("I;16") if mode == "I;16" else PICTURE.convert(mode)
    path = saved(tmp_path / ("p.jpg" if mode == "CMYK" else "p.png"), image)
    pixels = load_photo(path)
    assert (pixels.shape, pixels.dtype) == ((64, 48, 3), np.uint8)
    assert pixels[60].mean() > pixels[3].mean()


def test_the_orientation_tag_is_obeyed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it upright
    pixels = load_photo(saved(tmp_path / "p.jpg", PICTURE, exif=exif))
    assert pixels.shape == (48, 64, 3)
    assert pixels[:, 0].mean() > pixels[:, -1].mean()


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, format_: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    whole = io.BytesIO()
    noise.save(whole, format_)
    path = tmp_path / "half.jpg"
    path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share)])
    with pytest.raises(PhotoError, match=r"half\.jpg: .*(copy it again|export it)"):
        load_photo(path)


def test_what_is_no_photograph(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_text("<html>")
    with pytest.raises(PhotoError, match="not a JPEG or PNG"):
        load_photo(tmp_path / "p.jpg")
    with pytest.raises(PhotoError, match="no such file"):
        load_photo(tmp_path / "none.jpg")
    with pytest.raises(PhotoError):
        load_photo(tmp_path)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "huge.png", Image.new("1", (10_000, 6_000)))
    with pytest.raises(PhotoError, match=r"10000×6000 is too large"):
        load_photo(path)
