"""What the operating system gives: readers, time, accounts, disks, the service manager."""
