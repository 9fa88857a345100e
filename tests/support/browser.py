"""A page in a real browser: what its document is in the end, and the colours that were drawn."""

import subprocess
from pathlib import Path

from PIL import Image

Colour = tuple[int, int, int]


def draw(page: Path, scratch: Path, height: int = 2400) -> tuple[str, set[Colour]]:
    """The document after loading, and every colour of a picture of it 1,000 pixels wide."""
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
               f"--user-data-dir={scratch / 'profile'}", "--virtual-time-budget=2000"]  # fmt: skip
    drawn = subprocess.run(
        [*browser, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=600, check=True
    ).stdout
    picture = scratch / "page.png"
    shot = [*browser, f"--window-size=1000,{height}", f"--screenshot={picture}", page.as_uri()]
    subprocess.run(shot, capture_output=True, timeout=600, check=True)
    with Image.open(picture) as image:
        found = image.convert("RGB").getcolors(1 << 24) or []
    return drawn, {colour for _, colour in found}
