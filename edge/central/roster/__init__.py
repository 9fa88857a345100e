"""The roster of each site, as the centre keeps and publishes it."""
