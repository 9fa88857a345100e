"""From a frame to a probe: models, detection, landmarks, quality, alignment, liveness, embedding."""
