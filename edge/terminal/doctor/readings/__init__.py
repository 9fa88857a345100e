"""Readings of the doctor: each asks its sources for the values of one item, and hands them to a pure judgement."""
