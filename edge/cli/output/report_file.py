"""A report that a verb writes where it was told to."""

from pathlib import Path

from edge.errors import SmartClockerError


def write_report(path: Path, text: str, error: type[SmartClockerError]) -> None:
    """Write it, folders included, and say so. Raises `error`, whose exit code is the verb's for this."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as found:
        raise error(f"{path}: cannot be written ({found.strerror}); name another file") from found
    print(f"written to {path}")
