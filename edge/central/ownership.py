"""Files of the centre belong to whom its directory belongs, whoever gave the command."""

import os
from pathlib import Path


def adopt(path: Path) -> None:
    """Give what root made to the owner of the directory that it lies in. Raises OSError."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_directory(path: Path, mode: int) -> None:
    """Make a directory where there is none, as its parent's owner would. Raises OSError."""
    if not path.is_dir():
        path.mkdir(mode=mode)
        adopt(path)
