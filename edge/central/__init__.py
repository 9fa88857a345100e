"""The centre: the ledger, its store, its broker client, and the certificates."""
