"""Writes a report of a verb to a file."""

from pathlib import Path

from edge.errors import ExtraMissing, SmartClockerError


def require_page_libraries() -> None:
    """Checks, before a long measurement, that its page can be written afterwards. Raises ExtraMissing."""
    try:
        import jinja2  # noqa: F401 - to see that it is there
        import matplotlib as mpl  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(
            f"--html needs {error.name}, which is not installed; cure: pip install 'smartclocker-edge[evaluate]'"
        ) from error


def write_report(path: Path, text: str, error: type[SmartClockerError]) -> None:
    """Writes the report and missing folders, and prints the path. Raises `error`, the verb's class with its
    exit code.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file's name that is no UTF-8 must not end a long measurement: its bytes are written by their numbers.
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as found:
        raise error(f"{path}: cannot be written ({found.strerror}); name another file") from found
    print(f"written to {path}")
