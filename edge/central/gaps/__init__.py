"""What is missing, silent or contradictory, and how it is asked for again."""
