"""What we are measured against, each run in a process of its own; nothing of the product imports these."""
