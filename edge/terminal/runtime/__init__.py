"""Threads, alarms and times of the running service."""
