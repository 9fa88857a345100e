"""The authority's orders at the terminal."""
