"""Adapters whose other end is a page in a browser: the simulator's camera, lights, reader and buttons."""
