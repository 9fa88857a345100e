"""Consent, credentials and names of people."""
