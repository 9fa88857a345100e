"""What is done by hand at the terminal."""
