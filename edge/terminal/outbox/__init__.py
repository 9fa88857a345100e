"""The outbox at work: pending records are brought to the journal, and only one operator acts at a time."""
