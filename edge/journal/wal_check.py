"""A check of SQLite's write-ahead file for a loss that SQLite does not report: that of committed records.

SQLite stops silently at the first frame with a wrong checksum and drops all frames after it. That is right for the
one transaction that a power cut tore. It is wrong for an altered byte, which would make every later record vanish.
With `synchronous=FULL` at most one transaction is unsynced at any time. So two commits after a bad frame prove
damage; a single one may be damage or a torn write.

Format: sqlite.org/fileformat2.html §4. The checksum is a linear recurrence modulo 2^32, so it is computed here as
one dot product with fixed coefficients instead of a loop over words.
"""

import functools
import stat
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_HEADER, _FRAME, _MARKED = 32, 24, 8
"""Bytes of the file's header, of a frame's header, and of a frame's header up to the end of its commit mark."""
_MAGIC = {0x377F0682: "<u4", 0x377F0683: ">u4"}
_LOOKS, _LOOK_S = 5, 0.05
_SECTOR = 512
"""Bytes that the disk writes in one piece."""
_WORD = 0xFFFFFFFF
_Words = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Damage:
    """The place from which a write-ahead file is not valid."""

    frame: int
    """Number of the frame, from 1; 0 is the file's header."""
    commits: int
    """Number of commit marks of the same generation at or after that frame: transactions that SQLite will
    ignore.
    """

    @property
    def certain(self) -> bool:
        """Whether more was lost than a power cut during a write explains."""
        return self.frame == 0 or self.commits > 1


def wal_path(database: Path) -> Path:
    """The path of a database's write-ahead file."""
    return database.with_name(database.name + "-wal")


def has_content(database: Path) -> bool:
    """Whether there is a write-ahead file with at least a header. Raises OSError."""
    try:
        found = wal_path(database).stat()
        return stat.S_ISREG(found.st_mode) and found.st_size >= _HEADER
    except FileNotFoundError:
        return False


def inspect(database: Path) -> Damage | None:
    """Check every checksum of the write-ahead file; None when it is absent, empty or whole. Raises OSError.

    Another process may be writing the file. So it is read again: real damage stays the same, a half-written frame
    does not.
    """
    damage = _inspect(wal_path(database))
    for _ in range(_LOOKS):
        if damage is None:
            break
        time.sleep(_LOOK_S)
        before, damage = damage, _inspect(wal_path(database))
        if damage == before:
            break
    return damage


def _inspect(path: Path) -> Damage | None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None  # a pipe would block the read; opening the database for writing sets it aside
        with path.open("rb") as file:
            return _scan(file)
    except FileNotFoundError:
        return None


def _scan(file: BinaryIO) -> Damage | None:
    header = file.read(_HEADER)
    if len(header) < _HEADER or not any(header):
        return None  # never written: the file was only created, or extended before the power failed
    magic, version, page_size, _, salt1, salt2, *sums = struct.unpack(">8I", header)
    order = _MAGIC.get(magic)
    whole = order is not None and version == 3_007_000 and page_size in {2**n for n in range(9, 17)}
    state = _checksum((0, 0), np.frombuffer(header[:24], order or "<u4"))
    if not whole or list(state) != sums:
        return Damage(0, 0)
    number, end, commits, ours = 0, 0, 0, False
    while len(frame := file.read(_FRAME + page_size)) >= _FRAME:
        number += 1
        _, pages, one, two, *sums = struct.unpack(">6I", frame[:_FRAME])
        if end == 0:
            if len(frame) == _FRAME + page_size and (one, two) == (salt1, salt2):
                state = _checksum(state, np.frombuffer(frame[:8] + frame[_FRAME:], order))
                if list(state) == sums:
                    continue
            end = number
        # After the end there may be frames of an older generation: both of their salts differ. A frame with only
        # one differing salt is not such a frame.
        if one == salt1 or two == salt2:
            ours = True
            # Where a sector ends between the mark and the salts, a power cut may leave our salts with an older
            # mark.
            begin = _HEADER + (number - 1) * (_FRAME + page_size)
            commits += pages != 0 and (begin + _MARKED) % _SECTOR != 0
    return Damage(end, commits) if ours else None


def _checksum(state: tuple[int, int], words: _Words) -> tuple[int, int]:
    """The checksum of SQLite: for each pair (x, y), s0 += x + s1, then s1 += y + s0, modulo 2^32."""
    rows, power = _coefficients(len(words) // 2)
    native = words.astype(np.uint32, copy=False)
    sums = (rows * native).sum(axis=1, dtype=np.uint32)
    first = power[0][0] * state[0] + power[0][1] * state[1] + int(sums[0])
    second = power[1][0] * state[0] + power[1][1] * state[1] + int(sums[1])
    return first & _WORD, second & _WORD


@functools.cache
def _coefficients(pairs: int) -> tuple[_Words, tuple[tuple[int, int], tuple[int, int]]]:
    """The weight of each word in (s0, s1) after `pairs` steps, shape (2, 2·pairs), and the weights of the start
    values.
    """
    rows = np.empty((2, 2 * pairs), dtype=np.uint32)
    power = ((1, 0), (0, 1))
    for pair in reversed(range(pairs)):
        # A step maps (s0, s1) by ((1, 1), (1, 2)), x by (1, 1) and y by (0, 1). `power` is the product of all steps
        # after it.
        (a, b), (c, d) = power
        rows[:, 2 * pair] = (a + b) & _WORD, (c + d) & _WORD
        rows[:, 2 * pair + 1] = b, d
        power = (((a + b) & _WORD, (a + 2 * b) & _WORD), ((c + d) & _WORD, (c + 2 * d) & _WORD))
    return rows, power
