"""The punch at the terminal: from a frame or a badge to a record and a cue."""
