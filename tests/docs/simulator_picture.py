"""The picture of `make simulate` in the README: docs/simulate.png, made by `make picture` in a headless Chromium.

With a directory as its argument it makes a picture of every state instead, to be looked at.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from edge.simulate.server import bound, served
from edge.simulate.site import SimulationWish, all_ready, simulated_site
from tests.support.chromium import ChromiumPage

PICTURE = Path(__file__).resolve().parents[2] / "docs/simulate.png"
SIZE = (1280, 860)
_COLOURS = 255
_DOOR = ".door"
_ENROL = ("document.getElementById('agreed').click()", "document.querySelector('#samples button').click()")


def shot(page: ChromiumPage, path: Path, scratch: Path) -> None:
    """A picture of the page with few colours, so that the file is small."""
    raw = scratch / "shot.png"
    page.picture(raw)
    out = io.BytesIO()
    with Image.open(raw) as image:
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(out, "PNG", optimize=True)
    path.write_bytes(out.getvalue())


def enrol(page: ChromiumPage) -> None:
    """Enrol the first sample person, by the page's own buttons."""
    for script in _ENROL:
        page.run(script)
    page.wait("document.querySelector('#samples button').disabled")


def click(page: ChromiumPage, selector: str) -> None:
    """Press a widget of the first door."""
    page.run(f"document.querySelector('{_DOOR} {selector}').click()")


def come_to(page: ChromiumPage, state: str) -> None:
    """Wait until the first door is in a state."""
    page.wait(f"document.querySelector('{_DOOR}').dataset.state === '{state}'")


def draw_readme(page: ChromiumPage, scratch: Path) -> None:
    """Somebody is let in, and the record has its receipt."""
    enrol(page)
    click(page, ".face")
    come_to(page, "accepted")
    page.wait(f"document.querySelector('{_DOOR} tbody .punch') !== null")
    page.run("document.activeElement.blur()")
    shot(page, PICTURE, scratch)


def draw_states(page: ChromiumPage, folder: Path, scratch: Path, mode: str) -> None:
    """Every state that this mode comes to."""

    def state(name: str, *selectors: str) -> None:
        for selector in selectors:
            click(page, selector)
        come_to(page, name)
        shot(page, folder / f"{mode.replace('+', '-')}-{name}.png", scratch)

    enrol(page)
    state("idle")
    if mode == "badge+face":
        state("verifying", ".badges button")
        return
    if mode == "turn":
        state("challenged", ".face")
        return
    state("accepted", ".face")
    state("idle", ".nobody")
    state("duplicate", ".badges button")
    state("idle")
    state("looking", ".face:nth-child(3)")  # a stranger, who is looked at for longer
    state("refused")
    state("idle", ".nobody")
    state("refused", ".badges button:last-child")
    state("idle")
    page.run(f"document.querySelector('{_DOOR} .digits').value = '1001'")
    page.run(f"document.querySelector('{_DOOR} .keypad').requestSubmit()")
    state("asking")
    click(page, ".no-camera")
    state("badge-only")
    click(page, ".no-camera")
    state("idle")
    state("out-of-service", ".no-journal", ".badges button")
    state("idle", ".no-journal")


def main(folder: Path | None) -> None:
    """Draw the README's picture, or every state into `folder`."""
    runs = {"face": SimulationWish()}
    if folder is not None:
        runs |= {"turn": SimulationWish(challenge="turn"), "badge+face": SimulationWish(mode="badge+face")}
    for mode, wanted in runs.items():
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            with simulated_site(scratch / "site", wanted) as site, served(site, bound(0)) as server:
                assert all_ready(list(site.doors.values()))
                with ChromiumPage(scratch / "profile") as page:
                    page.size(*SIZE)
                    page.open(server.url)
                    if folder is None:
                        draw_readme(page, scratch)
                    else:
                        draw_states(page, folder, scratch, mode)


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if where is not None:
        where.mkdir(parents=True, exist_ok=True)
    main(where)
