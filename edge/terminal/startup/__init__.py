"""What a start looks at before the loops run."""
