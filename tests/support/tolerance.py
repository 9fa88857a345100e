"""What single precision can keep: the tolerance of tests that compare products of float32 vectors."""

SINGLE = 1e-5
"""Absolute, for values about 1. A float32 sum of 704 products is off by some 1e-6, depending on the order."""
