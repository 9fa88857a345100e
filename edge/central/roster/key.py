"""The roster's key pair. `roster.key` opens the whole roster of the centre."""

from pathlib import Path

from nacl.signing import SigningKey

from edge.central.roster.schema import ROSTER_KEY, ROSTER_PEOPLE, ROSTER_PUBLIC
from edge.crypto.key_files import create_identity, load_identity, public_pem
from edge.errors import KeyFileError, LedgerError
from edge.storage import durable_file


def ensure_key(directory: Path) -> SigningKey:
    """Loads `roster.key`; makes it if it is missing and nothing was encrypted under it. Raises LedgerError,
    KeyFileError.
    """
    path = directory / ROSTER_KEY
    if not path.exists():
        if (directory / ROSTER_PEOPLE).exists():
            raise LedgerError(f"{path}: missing, and people are kept under it; restore it from your backup")
        if (directory / ROSTER_PUBLIC).exists():
            raise LedgerError(
                f"{path}: missing, but {ROSTER_PUBLIC} is there, which terminals seal to; restore it from your "
                f"backup. If there is no backup, move {ROSTER_PUBLIC} away"
            )
        create_identity(path)
    key = load_identity(path)
    public = public_pem(key.verify_key).encode("ascii")
    durable_file.replace(directory / ROSTER_PUBLIC, public, KeyFileError, mode=0o644)
    return key
