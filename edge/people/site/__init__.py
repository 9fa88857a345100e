"""Punches and corrections that a terminal heard of the other terminals of its site."""
