"""The verbs of the centre about claiming: `central terminal add|remove` and `central claims`."""
