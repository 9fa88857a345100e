"""The verbs about people at the terminal."""
