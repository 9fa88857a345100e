"""The way of records to the ledger, and of receipts and the roster back."""
