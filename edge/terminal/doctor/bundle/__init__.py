"""The support bundle of `smartclocker doctor --bundle`: what helps somebody else, without personal data."""
