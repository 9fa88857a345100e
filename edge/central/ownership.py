"""Files of the centre belong to whom its directory belongs, whoever gave the command."""

from pathlib import Path

from edge.storage.sqlite_file import give_to_owner_of


def adopt(path: Path) -> None:
    """Give what root made to the owner of the directory that it lies in. Raises OSError."""
    give_to_owner_of(path.parent, path)


def make_directory(path: Path, mode: int) -> None:
    """Make a directory where there is none, as its parent's owner would. Raises OSError."""
    if not path.is_dir():
        path.mkdir(mode=mode)
        adopt(path)
