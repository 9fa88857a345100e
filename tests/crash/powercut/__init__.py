"""The power-cut harness: a run is recorded, and its disk rebuilt as a power cut could have left it."""
