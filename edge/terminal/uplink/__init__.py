"""The uplink: records to the ledger, and receipts, orders and the roster back."""
