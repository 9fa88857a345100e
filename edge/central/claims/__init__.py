"""Claiming at the centre: tokens, the claim server, and what a claim and the removal of a terminal do."""
