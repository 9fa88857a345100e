"""The signed journal: keys, envelopes, the append-only record and its verification."""
