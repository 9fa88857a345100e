"""The same work by other libraries, for comparison."""
