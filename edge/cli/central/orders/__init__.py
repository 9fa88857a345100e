"""The verbs that order terminals to do something."""
