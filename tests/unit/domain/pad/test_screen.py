"""Grids and bands, on a real portrait shown on displays that are simulated; real screens are not measured here."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.domain.face import Box, Pixels, Traces
from edge.domain.pad.screen import bands, grid_peak
from edge.domain.pad.verdict import BANDS, GRID
from edge.vision.photo import load_photo


@pytest.fixture(scope="module")
def face(photos: Path) -> Pixels:
    """(128, 128) grey, of a real portrait."""
    grey = Image.fromarray(load_photo(photos / "biden.jpg")).convert("L")
    side = grey.width // 2
    left, top = grey.width // 4, grey.height // 6
    return np.asarray(grey.crop((left, top, left + side, top + side)).resize((128, 128), Image.Resampling.BOX))


def on_display(face: Pixels, pitch: float, turn: float, gap: float) -> Pixels:
    """A camera's view of a display: cells of `pitch` camera pixels, dark gaps between them, held a little askew.

    Each camera pixel gathers light from its own square, 8 × 8 samples: where they beat, a moiré is seen.
    """
    fine = (np.arange(128 * 8) + 0.5) / 8
    x, y = np.meshgrid(fine, fine)
    u, v = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    lit = ((u / pitch) % 1 >= gap) & ((v / pitch) % 1 >= gap)
    shown = np.kron(face, np.ones((8, 8))) * lit
    seen = shown.reshape(128, 8, 128, 8).mean((1, 3))
    return np.asarray(np.clip(seen * face.mean() / seen.mean(), 0, 255).round(), np.uint8)


@pytest.mark.parametrize(("pitch", "turn"), [(1.3, 0.05), (1.7, 0.1), (2.6, 0.2), (3.7, 0.3), (0.8, 0.12)])
def test_a_display_shows_its_grid_and_a_face_has_none(face: Pixels, pitch: float, turn: float) -> None:
    plain = grid_peak(face)
    shown = grid_peak(on_display(face, pitch, turn, gap=0.25))
    assert plain is not None
    assert plain < GRID
    assert shown is not None
    assert shown > GRID


def test_noise_flat_light_and_jpeg_blocks_are_no_grid(face: Pixels) -> None:
    rng = np.random.default_rng(3)
    noisy = np.clip(face + rng.normal(0, 8, face.shape), 0, 255).astype(np.uint8)
    blocks = np.clip(face + 6.0 * ((np.arange(128) % 8) < 1)[None, :], 0, 255).astype(np.uint8)
    for picture in (noisy, blocks, np.full((128, 128), 90, np.uint8)):
        found = grid_peak(picture)
        assert found is not None
        assert found < GRID


def test_too_little_of_a_face_says_nothing(face: Pixels) -> None:
    assert grid_peak(face[:63, :63]) is None
    assert grid_peak(face[:64, :64]) is not None


BOX = Box(240, 160, 400, 320)


def traces(face: Pixels, phase: float | None, *, lamps: bool = False, shift: int = 0) -> Traces:
    """A face before a wall; with a phase, bands of 20 % over the face alone, or under `lamps` over everything."""
    thumb = np.full((120, 160), 140.0)
    small = np.asarray(Image.fromarray(face).resize((48, 48)), np.float64)
    thumb[36:84, 56 + shift : 104 + shift] = small
    if phase is not None:
        band = 1 + 0.2 * np.sin(2 * np.pi * np.arange(120) / 10 + phase)
        area = (slice(None),) if lamps else (slice(None), slice(50, 110))
        thumb[area] *= band[:, None]
    x, y = np.meshgrid(np.linspace(244, 396, 26), np.linspace(164, 316, 18))
    points = np.stack([x.ravel() + 4 * shift, y.ravel()], 1).astype(np.float32)
    return Traces(BOX, points, np.clip(thumb, 0, 255).astype(np.uint8), 4, face)


def test_bands_that_wander_over_a_face_alone_are_a_displays(face: Pixels) -> None:
    found = bands(traces(face, 0.0), traces(face, 2.0))
    assert found is not None
    assert found > BANDS


def test_lamps_that_flicker_over_everything_are_not(face: Pixels) -> None:
    found = bands(traces(face, 0.0, lamps=True), traces(face, 2.0, lamps=True))
    assert found is not None
    assert found < BANDS


def test_a_face_in_steady_light_has_no_bands(face: Pixels) -> None:
    found = bands(traces(face, None), traces(face, None, shift=1))
    assert found is not None
    assert found < BANDS


def test_a_face_that_moved_or_fills_the_frame_says_nothing(face: Pixels) -> None:
    assert bands(traces(face, 0.0), traces(face, 2.0, shift=3)) is None
    wide = traces(face, 0.0)
    points = ((wide.points - [320, 240]) * 4 + [320, 240]).astype(np.float32)
    near = Traces(BOX, points, wide.thumb, 4, face)
    assert bands(near, near) is None
