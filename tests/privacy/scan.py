"""Byte patterns: what would give somebody away, in every form in which it would be found, and a search for it."""

import base64
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from edge.domain.face import Floats

_SHORTEST = 8
"""Bytes of a secret; fewer are found by chance: six digits of a staff number stand in some instant of a day."""
_HEAD = 5
"""Bytes by which a secret is looked up."""
_CHUNK = 1 << 22


def forms(secret: bytes) -> set[bytes]:
    """As it is, in hex, and in base64 at every alignment, once and twice; each holds eight bytes of it at least."""

    def encoded(raw: bytes) -> set[bytes]:  # the characters on which no neighbour has a say
        ends = ((shift, -(shift * -4 // 3), (shift + len(raw)) * 4 // 3) for shift in range(3))
        return {base64.b64encode(b"\0" * shift + raw)[first:end] for shift, first, end in ends}

    once = encoded(secret)
    twice = {two for one in once for two in encoded(one)}
    hexed = secret.hex().encode()
    return {
        one
        for many, per_byte in (({secret}, 1.0), ({hexed, hexed.upper()}, 2.0), (once, 4 / 3), (twice, 16 / 9))
        for one in many
        if len(one) >= _SHORTEST * per_byte
    }


def of_templates(rows: Floats) -> dict[str, bytes]:
    """A template as it would be stored in the clear: 24 bytes from its middle, in each way of writing it."""
    found: dict[str, bytes] = {}
    for number, row in enumerate(rows):
        unit = row / np.linalg.norm(row)
        written = {
            "float32": row.astype("<f4"), "unit": unit.astype("<f4"), "float64": row.astype("<f8"),
            "float16": row.astype("<f2"), "int8": np.round(row / np.abs(row).max() * 127).astype(np.int8),
        }  # fmt: skip
        for how, vector in written.items():
            raw = vector.tobytes()
            found[f"template {number} {how}"] = raw[len(raw) // 2 : len(raw) // 2 + 24]
        found[f"template {number} text"] = ",".join(f"{value:.4f}" for value in row[40:44]).encode()
    return found


class Scanner:
    """Looks for many secrets in one pass: a table of their first three bytes leaves few places to compare."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        named = {name: forms(secret) for name, secret in secrets.items() if len(secret) >= _SHORTEST}
        self._count = len(named)
        self._by_head: dict[bytes, list[tuple[bytes, str]]] = {}
        self._table = np.zeros(1 << 24, np.bool_)
        for name, many in named.items():
            for one in many:
                self._by_head.setdefault(one[:_HEAD], []).append((one, name))
                self._table[one[0] | one[1] << 8 | one[2] << 16] = True

    def find(self, haystack: bytes) -> list[str]:
        """The names of what is in it."""
        found: set[str] = set()
        for start in range(0, len(haystack), _CHUNK):
            raw = np.frombuffer(haystack, np.uint8, min(_CHUNK + 2, len(haystack) - start), start).astype(np.uint32)
            heads = raw[:-2] | raw[1:-1] << 8 | raw[2:] << 16
            for at in np.flatnonzero(self._table[heads]) + start:
                for one, name in self._by_head.get(haystack[at : at + _HEAD], ()):
                    if name not in found and haystack.startswith(one, int(at)):
                        found.add(name)
        return sorted(found)

    def __len__(self) -> int:
        return self._count


def content(paths: Iterable[Path]) -> bytes:
    """Every byte of these files and of all files below these directories."""
    found = []
    for path in paths:
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # a write-ahead file that was just closed
                raw = file.read_bytes()
                if raw.count(0) < len(raw):  # the journal's reserve is many megabytes of zeros
                    found.append(raw)
    return b"\n".join(found)
