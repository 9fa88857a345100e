"""The verbs about what people ask for by their rights."""
