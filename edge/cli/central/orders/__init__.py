"""The verbs that give orders to terminals."""
