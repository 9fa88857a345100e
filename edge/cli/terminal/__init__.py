"""The verbs of the terminal itself."""
