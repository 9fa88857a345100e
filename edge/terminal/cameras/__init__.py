"""The camera of this terminal: which one was accepted, and whether it is that one that films."""
