"""Where the files that come with the product lie: in a checkout beside the package, in a wheel inside it."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def models_directory(configured: str = "") -> Path:
    """The folder with manifest.toml; `configured` wins when it is not empty."""
    return Path(configured) if configured else _find("models", "models")


def photos_directory() -> Path:
    """The photographs of the demo, from public packages (their SOURCES.toml says which)."""
    return _find("tests/photos", "photos")


def _find(in_checkout: str, in_wheel: str) -> Path:
    installed = _PACKAGE / "_data" / in_wheel
    return installed if installed.is_dir() else _PACKAGE.parent / in_checkout
