"""Speed and memory, measured against a peer or a floor of the same run."""
