"""`make privacy`: a company lives through the privacy policy, and what was observed is held to its promises."""
