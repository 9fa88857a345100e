"""What an act on a person still needs after its transaction, and who acts by hand meanwhile."""
