"""Checks of a terminal for `smartclocker check`."""
