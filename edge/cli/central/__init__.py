"""The verbs of the centre."""
