"""Turning, mirroring and cropping the pictures of a camera, as the configuration asks."""

from dataclasses import dataclass

import numpy as np

from edge.domain.face import Pixels

Rectangle = tuple[int, int, int, int]
"""Left, top, width and height."""
WHOLE: Rectangle = (0, 0, 100, 100)


@dataclass(frozen=True, slots=True)
class PictureGeometry:
    """What is done to a picture: it is cropped, then turned, then mirrored."""

    rotate: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    flip: str = "none"
    """`none`, `horizontal` (left and right change places) or `vertical`."""
    crop: Rectangle = WHOLE
    """The part that is kept, in per cent of the picture as the camera gives it."""

    def turned(self, pixels: Pixels) -> Pixels:
        """The (height, width, 3) picture turned and mirrored, contiguous; not cropped."""
        view = np.rot90(pixels, -self.rotate // 90)
        if self.flip == "horizontal":
            view = view[:, ::-1]
        elif self.flip == "vertical":
            view = view[::-1]
        return np.ascontiguousarray(view)

    def cropped(self, pixels: Pixels) -> Pixels:
        """A view of the part that is kept, with an even width and height; not turned."""
        left, top, width, height = part_of((0, 0, pixels.shape[1], pixels.shape[0]), self.crop)
        return pixels[top : top + height, left : left + width]


def crop_of(text: str) -> Rectangle:
    """The rectangle that the configuration writes as four numbers; the empty text is the whole picture."""
    left, top, width, height = (int(word) for word in text.split()) if text else WHOLE
    return left, top, width, height


def part_of(whole: Rectangle, crop: Rectangle) -> Rectangle:
    """The part of a rectangle that a crop in per cent keeps, with an even width and height."""
    left, top, width, height = whole
    return (
        left + width * crop[0] // 100,
        top + height * crop[1] // 100,
        width * crop[2] // 100 // 2 * 2,
        height * crop[3] // 100 // 2 * 2,
    )


def shaped(part: Rectangle, size: tuple[int, int]) -> Rectangle:
    """The largest rectangle in the middle of `part` with the shape of `size`, (width, height), so that nothing is
    stretched.
    """
    left, top, width, height = part
    fit_width = min(width, height * size[0] // size[1]) // 2 * 2
    fit_height = min(height, width * size[1] // size[0]) // 2 * 2
    return left + (width - fit_width) // 2, top + (height - fit_height) // 2, fit_width, fit_height
