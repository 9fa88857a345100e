"""The people file: consent, names and templates, sealed under each person's own key."""
