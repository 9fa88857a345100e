"""The demo: a broker, a ledger and a terminal on one machine."""
