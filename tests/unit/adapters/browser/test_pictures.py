"""Pictures from a page are bounded, and whatever is no JPEG is refused with its cure."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge.adapters.browser.pictures import MAX_BYTES, MAX_SIDE, decode_picture, fitted
from edge.errors import PhotoError


def jpeg(size=(640, 480), kind="JPEG", mode="RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 120 if mode == "L" else (200, 40, 20)).save(out, kind)
    return out.getvalue()


def test_a_jpeg_is_pixels_of_its_own() -> None:
    pixels = decode_picture(jpeg())
    assert pixels.shape == (480, 640, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert abs(int(pixels[5, 5, 0]) - 200) < 6


def test_grey_becomes_rgb() -> None:
    assert decode_picture(jpeg(mode="L")).shape == (480, 640, 3)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no JPEG"),
        (b"hello", "no JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG"),
        (jpeg(kind="PNG"), "no JPEG"),
        (jpeg()[:2_000][:-1_500], "truncated"),
        (jpeg((MAX_SIDE + 1, 20)), "pixels"),
        (jpeg((8, 8)), "pixels"),
        (b"\xff" * (MAX_BYTES + 1), "bytes"),
    ],
    ids=["empty", "text", "svg", "png", "truncated", "too wide", "too small", "too many bytes"],
)
def test_what_cannot_be_a_frame_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(PhotoError, match=f"{said}.*send|send"):
        decode_picture(data)


@given(st.binary(max_size=400), st.integers(0, 600))
def test_no_bytes_do_more_than_raise_our_error(garbage: bytes, at: int) -> None:
    whole = bytearray(jpeg((64, 48)))
    whole[at : at + len(garbage)] = garbage
    with contextlib.suppress(PhotoError):
        assert decode_picture(bytes(whole)).ndim == 3


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (1920, 1080), (300, 700), (16, 2000)])
def test_any_picture_fits_a_frame(size: tuple[int, int]) -> None:
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    assert fitted(pixels, (640, 480)).shape == (480, 640, 3)


def test_the_middle_is_kept() -> None:
    wide = np.zeros((480, 1280, 3), np.uint8)
    wide[:, 320:960] = 255
    assert fitted(wide, (640, 480)).min() > 250
