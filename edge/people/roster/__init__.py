"""The roster, taken into the people file and handed on from it."""
