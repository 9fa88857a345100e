"""Punches: states, cues, direction, corrections."""
