"""The processes that a benchmark starts."""
