"""mosquitto: its files, certificates, and the centre's connections to it."""
