"""Recognition, measured."""
