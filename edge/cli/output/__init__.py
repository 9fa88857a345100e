"""Shared output of the verbs: printing, writing reports, and exit codes."""
