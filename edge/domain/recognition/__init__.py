"""From probes to a decision: gallery, thresholds, quality."""
