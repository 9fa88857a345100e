"""When something really happened."""
