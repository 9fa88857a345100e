"""Changes of plain bytes, for whatever a reader takes. Pure: the random generator decides everything."""

from collections.abc import Callable, Sequence
from random import Random

LONGEST = 70_000
"""Bytes; beyond twice every limit a longer mutant says nothing new."""
_TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"9007199254740993", b"1" * 400, b"\\ud800", b"\\u0000", b"\xef\xbb\xbf",
    b"\xff", b"\xc0\x80", b"\x00", b"[" * 600, b'{"a":' * 200, b'"', b"\\", b"}", b"]", b",", b"\n", b"\r\n",
    b"=", b"====", b'"v":2', b"true", b"null", b"/", b"+", b"#", b"DSSEv1", b"roster",
)  # fmt: skip

Bytewise = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""(generator, what is to be changed, other genuine ones to take parts of) -> a mutant, perhaps the same."""


def flip_bits(rng: Random, raw: bytes, _others: Sequence[bytes]) -> bytes:
    """A few bits anywhere."""
    out = bytearray(raw)
    for _ in range(rng.randint(1, 4) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def set_byte(rng: Random, raw: bytes, _others: Sequence[bytes]) -> bytes:
    """Another value at one place."""
    at = _place(rng, raw)
    return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]


def insert_token(rng: Random, raw: bytes, _others: Sequence[bytes]) -> bytes:
    """Something that readers stumble over."""
    at = _place(rng, raw)
    return raw[:at] + rng.choice(_TOKENS) + raw[at:]


def cut_out(rng: Random, raw: bytes, _others: Sequence[bytes]) -> bytes:
    """Without a part of it."""
    start, end = _part(rng, raw)
    return raw[:start] + raw[end:]


def cut_off(rng: Random, raw: bytes, _others: Sequence[bytes]) -> bytes:
    """Its beginning alone."""
    return raw[: _place(rng, raw)]


def repeat(rng: Random, raw: bytes, _others: Sequence[bytes]) -> bytes:
    """A part of it several times, seldom very often."""
    start, end = _part(rng, raw)
    times = rng.choice((2, 2, 3, 10, 300))
    return (raw[:end] + raw[start:end] * (times - 1) + raw[end:])[:LONGEST]


def append(rng: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """Something behind it: nothing much, or another one whole."""
    return raw + rng.choice((b" ", b"\n", b"\x00", b"{}", raw, rng.choice(others)))


def splice(rng: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """The beginning of this and the end of another."""
    other = rng.choice(others)
    return (raw[: _place(rng, raw)] + other[_place(rng, other) :])[:LONGEST]


def noise(rng: Random, _raw: bytes, _others: Sequence[bytes]) -> bytes:
    """Nothing of it is left."""
    return rng.randbytes(rng.choice((0, 1, 2, 16, 500)))


ALL: tuple[Bytewise, ...] = (
    flip_bits, set_byte, insert_token, cut_out, cut_off, repeat, append, splice, noise
)  # fmt: skip


def _place(rng: Random, raw: bytes) -> int:
    return rng.randint(0, len(raw))


def _part(rng: Random, raw: bytes) -> tuple[int, int]:
    start = _place(rng, raw)
    return start, min(len(raw), start + rng.choice((1, 2, 4, 16, 64, 1024)))
