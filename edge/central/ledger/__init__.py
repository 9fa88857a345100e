"""The intake of records, their verification, and the signed receipts."""
