"""Pictures as the bytes that a USB camera sends."""

import io

import numpy as np
from PIL import Image

RED = (200, 40, 20)


def yuyv(rgb: np.ndarray, *, full: bool) -> bytes:
    """BT.601, by its own formula and not by the adapter's."""
    red, green, blue = (rgb[..., i].astype(np.float64) for i in range(3))
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = (blue - y) * 0.564 + 128, (red - y) * 0.713 + 128
    if not full:
        y, u, v = y * 219 / 255 + 16, (u - 128) * 224 / 255 + 128, (v - 128) * 224 / 255 + 128
    out = np.empty((*y.shape, 2), np.uint8)
    out[..., 0] = y.round()
    out[:, 0::2, 1] = u[:, 0::2].round()
    out[:, 1::2, 1] = v[:, 1::2].round()
    return out.tobytes()


def jpeg(rgb: np.ndarray, quality: int = 95) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return out.getvalue()


def without_tables(content: bytes) -> bytes:
    """A JPEG without its Huffman tables (DHT), as many cameras send it."""
    out, at = bytearray(content[:2]), 2
    while content[at + 1] != 0xDA:
        length = 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at + 1] != 0xC4:
            out += content[at : at + length]
        at += length
    return bytes(out + content[at:])
