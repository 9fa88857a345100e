"""Backups of the centre's directory: one encrypted file, made while the centre's programs run."""
