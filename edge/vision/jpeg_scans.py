"""Number of scans in a JPEG: decoding each goes over the whole picture again, and takes some 40 bytes of the file.

A progressive JPEG has about ten. A megabyte of nothing but scans would take a quarter of an hour to decode.
"""

import mmap
import re
from pathlib import Path

MAX_SCANS = 100
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""The end of a scan's data: 0xFF inside it is followed by 0 or by a restart mark, which have no length.

More 0xFF before the mark are filling bytes. They are skipped one by one: as one run they would be read again from
each byte.
"""
_SCAN, _END = 0xDA, 0xD9


def scans_of(path: Path) -> int:
    """The number of scans, at most one more than MAX_SCANS. Data after the end, such as a phone's film, is ignored.
    Raises OSError.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at, scans = 2, 0
        while scans <= MAX_SCANS and (found := _MARKER.search(content, at)) is not None:
            kind = found[1][0]
            if kind == _END:
                break
            scans += kind == _SCAN
            # No segment is shorter than its own length, so that each step goes forward.
            at = found.end() + max(int.from_bytes(content[found.end() : found.end() + 2], "big"), 2)
        return scans
