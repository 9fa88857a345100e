"""Presentation attack detection: layers and their fusion."""
