"""The photographs are the ones that their sources name."""

import hashlib
import tomllib
from pathlib import Path


def test_every_photograph_has_a_source_and_its_bytes(photos: Path) -> None:
    entries = tomllib.loads((photos / "SOURCES.toml").read_text())["photo"]
    assert {e["file"]: e["sha256"] for e in entries} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.glob("*.[jp]*")
    }
    assert all("public domain" in entry["licence"] for entry in entries)
