"""Who the terminals of a site know, as the centre keeps and publishes it."""
