"""The roster's documents."""
