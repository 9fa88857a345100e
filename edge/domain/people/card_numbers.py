"""One card, many ways to say its number: zeros before it, hex, bytes in reverse, a facility and a card.

Readers differ, and so does what is printed on a card: a badge that was given in one notation and is read in another
is nobody's, and given in both it would be two. Pure.
"""

import re

_LENGTHS = (3, 4, 5, 7)
"""Bytes of a card's number: Wiegand 26, most cards, EM4100, and long ISO 14443 ones."""
_WIDTHS = (0, *range(3, 15))
"""Digits that decimal numbers are filled to; 0: not at all. Any of them: who types a number leaves zeros out."""
_HEX = re.compile(r"[0-9A-F]{6,14}")


def notations(known: str) -> frozenset[str]:
    """How else a card of this number (`badge.number` made it) may be read, without that itself."""
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
