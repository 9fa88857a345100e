"""Pictures of the simulator's page in every state of the terminal, by headless Chromium: `make simulate-pictures`.

The terminals are real. Their events are held while a picture is made, because some states last a moment. A state
without a picture is an error. With `--docs` it draws only the pictures that are committed under docs/. The one
face in all of them is the astronaut's, NASA's and free; see tests/photos/SOURCES.toml.
"""

import io
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from edge.domain.attendance.states import State
from edge.simulate import site as simulated
from edge.simulate.server import bound, served
from edge.simulate.site import SimulationWish, all_ready, simulated_site
from tests.support.chromium import ChromiumPage
from tests.support.held_events import HeldEvents

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMITTED = {"accepted": "simulate.png", "lent": "simulate-enrol.png"}
"""By the state, the picture under docs/."""
VIEWS: dict[str, tuple[int, int, float, str]] = {
    "light": (1280, 860, 1, "light"),
    "dark": (1280, 860, 1, "dark"),
    "narrow": (360, 2_400, 1, "light"),
    "zoomed": (640, 900, 2, "dark"),
}
"""Width and height in CSS pixels, pixels for each of them, and the colours that the system asks for. Zoomed is a
window of 1280 pixels at 200 %.
"""
_COLOURS = 255
DOOR = "entrance"
EILEEN = ".face:nth-child(3)"


class Album:
    """Takes the pictures of one page, into a folder or into docs/."""

    def __init__(self, page: ChromiumPage, events: HeldEvents, folder: Path | None, scratch: Path) -> None:
        self._page, self._events, self._folder, self._scratch = page, events, folder, scratch
        self.drawn: set[str] = set()

    def state(
        self,
        name: str,
        *widgets: str,
        cues: Collection[str] = (),
        act: Callable[[], object] | None = None,
        when: str = "true",
        tries: int = 1,
    ) -> None:
        """Press widgets of the first door, or act, and take pictures when it is held in the state, and `when` is
        true in the page. With more than one of the `tries` the widgets are pressed again after some seconds.
        """
        self._events.until(DOOR, name, cues)
        for _ in range(tries):
            for one in widgets:
                self._page.run(f"document.querySelector('.door {one}').click()")
            if act is not None:
                act()
            if self._events.come(120 / tries):
                break
        else:
            raise AssertionError(f"the door did not come to {name}")
        self._page.wait(f"document.querySelector('.door').dataset.state === '{name}' && ({when})")
        self.draw(name)

    def draw(self, name: str) -> None:
        """Take pictures of the page as it is now."""
        self.drawn.add(name)
        self._page.run("[...document.images].map((one) => one.decode?.().catch(() => 0))[0]")
        if self._folder is None:
            if name in COMMITTED:
                self._shot("light", DOCS / COMMITTED[name])
            return
        for view in VIEWS:
            self._shot(view, self._folder / f"{name}-{view}.png")
        self._view("light")

    def click(self, selector: str) -> None:
        """Go on, and press a widget of the first door."""
        self._events.go()
        self._page.run(f"document.querySelector('.door {selector}').click()")

    def idle(self) -> None:
        """Go on, and wait until the first door is idle."""
        self._events.go()
        self._page.wait("document.querySelector('.door').dataset.state === 'idle'")

    def _view(self, view: str) -> None:
        width, height, scale, scheme = VIEWS[view]
        self._page.size(width, height, scale)
        self._page.prefer(scheme=scheme)

    def _shot(self, view: str, path: Path) -> None:
        self._view(view)
        raw = self._scratch / "shot.png"
        self._page.picture(raw)
        out = io.BytesIO()
        with Image.open(raw) as image:
            image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        path.write_bytes(out.getvalue())


@contextmanager
def album(folder: Path | None, **wanted: str) -> Iterator[tuple[Album, ChromiumPage]]:
    """The page of a site of its own."""
    made: list[HeldEvents] = []

    def events() -> HeldEvents:
        made.append(HeldEvents())
        return made[0]

    usual, simulated.PageEvents = simulated.PageEvents, events  # type: ignore[assignment,misc]
    try:
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            with (
                simulated_site(scratch / "site", SimulationWish(**wanted)) as site,
                served(site, bound(0)) as server,
            ):
                assert all_ready(list(site.doors.values()))
                with ChromiumPage(scratch / "profile") as page:
                    page.size(*VIEWS["light"][:2])
                    page.open(server.url)
                    yield Album(page, made[0], folder, scratch), page
    finally:
        simulated.PageEvents = usual  # type: ignore[misc]


def enrol(page: ChromiumPage) -> None:
    """Enrol Eileen, by the page's own buttons."""
    page.run("document.getElementById('agreed').click()")
    page.run("document.querySelector('#samples li:nth-child(3) button').click()")
    page.wait("document.querySelector('#samples li:nth-child(3) button').disabled")
    page.run("document.activeElement.blur(); scrollTo(0, 0)")


def ask_for_consent(page: ChromiumPage) -> None:
    """Fill in the form of the guided enrolment, up to the consent."""
    page.run("document.querySelector('.door .enrol').open = true")
    for field, value in (("name", "Eileen"), ("witness", "Ada, at the desk")):
        page.run(f"document.querySelector('.door .{field}').value = '{value}'")
    for box in ("age", "employer"):
        page.run(f"document.querySelector('.door .{box}').checked = true")
    page.run("document.querySelector('.door .wish').requestSubmit()")
    page.run("document.querySelector('.door').scrollIntoView()")


def guided(taken: Album, page: ChromiumPage) -> None:
    """The guided enrolment: the consent, a cue of the coach, and what is left when it was cancelled."""
    taken.state("looking", EILEEN)
    taken.state("refused")
    taken.idle()
    ask_for_consent(page)
    taken.draw("enrol-consent")
    told = "document.querySelector('.door .coach').textContent.startsWith('Turn')"
    taken.state("lent", "[data-contact=in]", cues=("turn-left", "turn-right"), when=told)
    taken.click(".cancel")
    page.wait("document.querySelector('.door .outcome').textContent.includes('0 records')")
    taken.draw("enrol-cancelled")
    taken.click(".enrol summary")
    taken.click(".nobody")


def usual_day(taken: Album, page: ChromiumPage) -> None:
    """Face, badge, keypad and button, then what can fail."""
    enrol(page)
    taken.state("accepted", EILEEN)
    taken.idle()
    taken.click(".nobody")
    taken.idle()
    # whichever of the two comes second, if the pictures took longer than the duplicate window
    taken.state("duplicate", ".badges button:nth-child(3)", EILEEN)
    taken.click(".nobody")
    taken.idle()

    def number() -> None:
        page.run("document.querySelector('.door .digits').value = '1003'")
        page.run("document.querySelector('.door .keypad').requestSubmit()")

    taken.state("asking", act=number)
    taken.idle()
    taken.state("pressed", "[data-contact=out]")
    taken.idle()
    taken.state("badge-only", ".no-camera")
    taken.state("idle", ".no-camera")
    # awaited: the badge must not come before it
    page.run("""fetch("doors/entrance/journal", { method: "POST", headers: { "Content-Type": "application/json" },
      body: '{"on": false}' }).then(({ status }) => status)""")
    taken.state("out-of-service", ".badges button:nth-child(3)")
    taken.click(".no-journal")
    taken.idle()


def draw(folder: Path | None) -> set[str]:
    """Every state into `folder`; None draws the pictures of docs/ alone. Returns the states that were drawn."""
    drawn: set[str] = set()
    with album(folder) as (taken, page):
        if folder is not None:
            taken.click(".switch")
            page.wait("document.querySelector('.door .switch').getAttribute('aria-pressed') === 'false'")
            taken.draw("off")
            taken.state("starting", ".switch")
            taken.idle()
        guided(taken, page)
        usual_day(taken, page)
        drawn |= taken.drawn
    if folder is None:
        return drawn
    for state, wanted in (
        ("verifying", {"mode": "badge+face"}),
        ("challenged", {"challenge": "turn"}),
        ("choosing", {"direction": "button"}),
    ):
        with album(folder, **wanted) as (taken, page):
            enrol(page)
            # the terminal learns of a new person within a second: until then it does not know the badge
            badge = state == "verifying"
            taken.state(state, ".badges button:nth-child(3)" if badge else EILEEN, tries=12 if badge else 1)
            drawn |= taken.drawn
    return drawn


def main(words: list[str]) -> int:
    """Draw, and say which state has no picture."""
    if words == ["--docs"]:
        draw(None)
        return 0
    folder = Path(words[0])
    folder.mkdir(parents=True, exist_ok=True)
    missing = sorted({str(state) for state in State} - draw(folder))
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")
    if missing:
        print(f"no picture of: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
