"""The doctor of the centre: how files, certificates, ledger, broker, terminals and backups are, with the mend."""
