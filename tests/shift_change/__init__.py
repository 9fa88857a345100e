"""`make shift-change`: a change of shifts at two doors of one site, measured."""
