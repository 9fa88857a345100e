"""Claiming a terminal: the token that a person carries, the messages, and the limit of tries. No I/O."""
