"""How verbs print, write and end."""
