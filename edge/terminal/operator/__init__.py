"""Actions of an operator at the terminal."""
