"""`smartclocker central backup-key`, `backup` and `restore`."""
