"""Finds records that are missing, terminals that are silent and records that contradict each other; asks for
records again.
"""
