"""The store of sealed images."""
