"""The terminal: composition root, loops, and the way of a punch."""
