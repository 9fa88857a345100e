"""A new file that only its owner reads: what holds somebody's data in the clear."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Make it whole, 0600 and durable, or not at all; nothing is overwritten, no link followed. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
