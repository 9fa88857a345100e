"""The verbs about requests of data subjects."""
