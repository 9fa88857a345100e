"""Cameras: which one it is, and whether its stream is live."""
