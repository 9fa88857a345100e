"""The ledger's database and its tables."""
