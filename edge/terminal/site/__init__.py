"""What the terminals of a site know of each other: what the attending thread is told, and what it reads."""
