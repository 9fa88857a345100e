"""Claiming a name for this terminal: keys, the question to the centre, files and configuration."""
