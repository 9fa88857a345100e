"""The files that come with the product: in a checkout they are beside the package, in a wheel inside it."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def models_directory(configured: str = "") -> Path:
    """The folder with manifest.toml; `configured`, if it is not empty."""
    return Path(configured) if configured else _find("models", "models")


def photos_directory() -> Path:
    """The folder with the demo's photographs, from public packages (their SOURCES.toml lists them)."""
    return _find("tests/photos", "photos")


def _find(in_checkout: str, in_wheel: str) -> Path:
    installed = _PACKAGE / "_data" / in_wheel
    return installed if installed.is_dir() else _PACKAGE.parent / in_checkout
