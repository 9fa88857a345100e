"""Presentation attack detection: layers, and their common verdict."""
