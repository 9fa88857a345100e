"""The way of a punch at the terminal."""
