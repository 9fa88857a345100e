"""Adapters for the operating system: readers, time, accounts, disks, the service manager."""
