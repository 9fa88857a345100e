"""Measurements, made on the product's own pipeline."""
