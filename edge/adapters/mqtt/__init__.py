"""MQTT v5 over mutual TLS."""
