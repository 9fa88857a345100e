"""The key whose orders terminals obey, its register, and the answers to requests."""
