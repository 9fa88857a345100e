"""The authority: its key, the register of orders with the audit log, and the answers to requests."""
