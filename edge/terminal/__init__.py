"""The terminal: composition root, loops, and everything that a punch needs."""
