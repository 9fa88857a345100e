"""What `smartclocker check` looks at."""
