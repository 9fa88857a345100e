"""People: per-person keys, consent, templates."""
