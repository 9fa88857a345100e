"""Handing out everything that is held about a person."""
