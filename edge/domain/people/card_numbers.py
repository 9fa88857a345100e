"""Notations of a card number: leading zeros, hex, bytes in reverse, facility and card.

Readers differ, and so does the print on cards. A badge that was given in one notation and is read in another is
unknown, and a card that was given in both would be two badges. Pure.
"""

import re

_LENGTHS = (3, 4, 5, 7)
"""Bytes of a card's number: Wiegand 26, most cards, EM4100, and long ISO 14443 ones."""
_WIDTHS = (0, *range(3, 15))
"""Digits to which decimal numbers are filled; 0: not at all. All are tried, because people leave zeros out."""
_HEX = re.compile(r"[0-9A-F]{6,14}")


def notations(known: str) -> frozenset[str]:
    """The other notations in which a card with this number (as `badge.number` made it) may be read."""
    values: set[tuple[int, int | None]] = set()
    if known.isascii() and known.isdigit():
        values.add((int(known), None))
        facility, card = int(known[:-5] or 0), int(known[-5:])
        if 6 <= len(known) <= 8 and facility < 1 << 8 and card < 1 << 16:
            values.add((facility << 16 | card, 3))
    if _HEX.fullmatch(known) and len(known) % 2 == 0:
        values.add((int(known, 16), len(known) // 2))
    found = set()
    for value, length in values:
        for size in _LENGTHS:
            if value < 1 << 8 * size and (length in {None, size}):
                found |= _said(value, size)
                found |= _said(int.from_bytes(value.to_bytes(size, "big"), "little"), size)
    return frozenset(one for one in found if one != known and len(one) > 2)


def _said(value: int, size: int) -> set[str]:
    found = {str(value).zfill(width) for width in _WIDTHS} | {f"{value:0{2 * size}X}"}
    if value < 1 << 24:
        facility, card = divmod(value, 1 << 16)
        found |= {f"{facility:03d}{card:05d}", f"{facility}{card:05d}"}
    return found
