"""The network of a claim: lines over TLS with a deadline, and the terminal's side of the conversation."""
