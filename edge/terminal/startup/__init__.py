"""Checks and repairs at a start, before the loops run."""
