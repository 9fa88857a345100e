"""The documents that terminals and the centre exchange."""
