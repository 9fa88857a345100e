"""The hours view: punches as they count."""
