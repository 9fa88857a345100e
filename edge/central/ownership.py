"""Gives files of the centre to the owner of their directory, whoever ran the command."""

import os
from pathlib import Path


def adopt(path: Path) -> None:
    """Gives a file that root made to the owner of its directory. Raises OSError."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_directory(path: Path, mode: int) -> None:
    """Makes a missing directory that belongs to its parent's owner. Raises OSError."""
    if not path.is_dir():
        path.mkdir(mode=mode)
        adopt(path)
