"""The signed ring: keys, envelopes, the append-only record and its verification."""
