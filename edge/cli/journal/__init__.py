"""The verbs of the journal."""
