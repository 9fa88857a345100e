"""Presentation attack detection, measured."""
