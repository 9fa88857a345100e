"""Pure rules: no I/O, no clock, no threads; standard library and numpy only."""
