"""A number as the type of a command-line argument."""

import argparse
import re


def number(text: str) -> int:
    """A count, or a place in a list or chain: 0 to 2^53, as everywhere in the protocol."""
    if re.fullmatch(r"[0-9]{1,16}", text, re.ASCII) is None or int(text) > 2**53:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number; give one from 0 on")
    return int(text)
