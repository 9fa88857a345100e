"""Photographs of every kind, whole and broken."""

import contextlib
import io
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from edge.errors import PhotoError
from edge.vision.jpeg_scans import scans_of
from edge.vision.photo import KEPT_PIXELS, load_photo

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


def test_a_file_that_is_no_photograph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_text("<html>")
    with pytest.raises(PhotoError, match="not a JPEG or PNG"):
        load_photo(tmp_path / "p.jpg")
    with pytest.raises(PhotoError, match="no such file"):
        load_photo(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match="is a folder"):
        load_photo(tmp_path)
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PhotoError, match=r"is empty \(0 bytes\)"):
        load_photo(tmp_path / "empty.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="a device or a pipe"):
        load_photo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="cannot be read"):
        load_photo(tmp_path / ("x" * 300 + ".jpg"))
    with pytest.raises(PhotoError, match="cannot be read"):
        load_photo(Path("a\0b.jpg"))


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "huge.png", Image.new("1", (10_000, 6_000)))
    with pytest.raises(PhotoError, match=r"10000×6000 is too large for a PNG"):
        load_photo(path)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, row: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(b"\0" + row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def tagged(tags: list[tuple[int, int, int, bytes]]) -> bytes:
    """A JPEG whose EXIF holds these: tag, type, count, four bytes of value."""
    entries = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0"
    whole = io.BytesIO()
    PICTURE.save(whole, "JPEG")
    return whole.getvalue()[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole.getvalue()[2:]


TURN = (0x0112, 3, 1, struct.pack("<HH", 6, 0))
MODEL = (0x0110, 11, 1, struct.pack("<f", 1.5))
RESOLUTION = (0x011B, 1, 4, b"abcd")


@pytest.mark.parametrize("odd", [MODEL, RESOLUTION, (0x8769, 5, 1, b"\xff\xff\xff\xff"), (0x8825, 2, 9, b"zzzz")])
def test_a_broken_tag_is_passed_over_and_the_picture_used(tmp_path: Path, odd) -> None:
    """Pillow's own transposition ended in a traceback: it writes the tags anew."""
    path = tmp_path / "p.jpg"
    path.write_bytes(tagged(sorted([odd, TURN])))
    assert load_photo(path).shape == (48, 64, 3), "turned as its other tag says"


@pytest.mark.parametrize("said", [b"\0\0\0\0", b"\x09\0\0\0", b"\xff\xff\0\0"])
def test_a_turn_that_there_is_not_is_none(tmp_path: Path, said: bytes) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(tagged([(0x0112, 3, 1, said)]))
    assert load_photo(path).shape == (64, 48, 3)


@pytest.mark.parametrize("turn", range(1, 9))
def test_each_of_the_eight_exif_turns_is_applied(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    path = saved(tmp_path / "p.png", PICTURE, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(load_photo(path), expected)


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_of_broken_bytes_nothing_comes_but_a_refusal_by_name(tmp_path: Path, format_: str) -> None:
    chance = random.Random(7)
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "Maker", 0x8769: {0x9003: "2026:01:01 00:00:00", 0x829A: (1, 100)}})
    whole = io.BytesIO()
    PICTURE.save(whole, format_, exif=exif.tobytes())
    good, path = whole.getvalue(), tmp_path / "p.jpg"
    begin = good.find(b"MM\0*") if b"MM\0*" in good else good.find(b"II*\0")
    for _ in range(2_000):
        broken = bytearray(good)
        for _ in range(chance.choice((1, 1, 2, 4, 8))):
            place = begin + chance.randrange(200) if chance.random() < 0.7 else chance.randrange(len(broken))
            broken[min(place, len(broken) - 1)] = chance.choice((0, 255, 1, 128, chance.randrange(256)))
        path.write_bytes(_checked(bytes(broken)) if format_ == "PNG" else broken)
        with contextlib.suppress(PhotoError):
            load_photo(path)


def _checked(broken: bytes) -> bytes:
    """A PNG with the sums of its chunks set right."""
    found, at = [broken[:8]], 8
    while at + 12 <= len(broken):
        (length,) = struct.unpack(">I", broken[at : at + 4])
        if at + 12 + length > len(broken):
            break
        found.append(chunk(broken[at + 4 : at + 8], broken[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(found) + broken[at:]


def test_a_photograph_that_is_far_too_large_says_so(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(PhotoError, match=r"30000×30000 is too large for a PNG; scale it to under 24 megapixels"):
        load_photo(path)


def peak_mb(path: Path) -> float:
    """Of a process that loads a picture, beyond one that loads a small one."""
    small = saved(path.with_name("small.png"), PICTURE)
    code = (
        "import resource, sys; from pathlib import Path; from edge.vision.photo import load_photo\n"
        "load_photo(Path(sys.argv[1])); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    said = [
        subprocess.run([sys.executable, "-c", code, str(one)], capture_output=True, text=True, check=True).stdout
        for one in (small, path)
    ]
    return float(said[1]) - float(said[0])


def test_a_phones_largest_picture_is_decoded_smaller(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    Image.new("RGB", (8_000, 6_000), (90, 120, 60)).save(path)
    pixels = load_photo(path)
    assert pixels.shape == (3_000, 4_000, 3)
    assert peak_mb(path) < 110


@pytest.mark.parametrize(("depth", "colour", "bands"), [(16, 0, 1), (16, 6, 4)], ids=["grey16", "rgba16"])
def test_a_small_file_takes_no_memory_beyond_bounds(tmp_path: Path, depth: int, colour: int, bands: int) -> None:
    """A grey one of 95 kB took 968 MB, an RGBA one of 16 bits 875 MB."""
    path = tmp_path / "p.png"
    path.write_bytes(png(4_890, 4_890, depth, colour, bytes(4_890 * bands * depth // 8)))
    assert load_photo(path).shape == (2_445, 2_445, 3)
    assert KEPT_PIXELS >= 2_445 * 2_445
    assert peak_mb(path) < 210


def progressive(scans: int) -> bytes:
    """A genuine one, whose last scan stands there so often again; behind it what a phone adds."""
    made = io.BytesIO()
    Image.new("RGB", (640, 480)).save(made, "JPEG", progressive=True, comment=b"\xff\xda" * 500)
    whole = made.getvalue()
    return whole[:-2] + whole[whole.rindex(b"\xff\xda") : -2] * scans + b"\xff\xd9" + b"\xff\xda" * 500


def test_a_jpeg_that_is_full_of_filling_is_read_once(tmp_path: Path) -> None:
    path, plain = tmp_path / "a.jpg", progressive(20)
    path.write_bytes(plain)
    scans = scans_of(path)
    for end in (b"\xff\xd9", b""):
        path.write_bytes(plain[: plain.index(b"\xff\xd9")] + b"\xff" * 2_000_000 + end)
        assert scans_of(path) == scans, "from each byte to the end it would take hours"


def test_a_jpeg_that_is_decoded_again_and_again_is_refused_by_its_scans(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(progressive(20))
    assert load_photo(path).shape == (480, 640, 3)
    path.write_bytes(progressive(100))
    with pytest.raises(PhotoError, match="more than 100 scans; save it as a plain one"):
        load_photo(path)
