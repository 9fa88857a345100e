"""Time: instants, evidence of them, and placement afterwards."""
