"""Keys, signatures and sealed data; every primitive is libsodium's."""
