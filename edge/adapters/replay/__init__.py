"""Replay adapters: simulated devices that ship with the product: camera, strobe, reader, and signals as text."""
