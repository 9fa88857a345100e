"""The kill harness: real punches, and SIGKILL to the daemon, the broker and the ledger behind them."""
