"""The hours view: the punches as they count after corrections."""
