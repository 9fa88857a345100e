"""The simulator's page in a headless Chromium, without a terminal: it is told each state as a terminal tells it."""

import json
import socket
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from edge import config
from edge.adapters.browser.signals import cue_message, lights_message
from edge.adapters.linux.control_socket import short_name
from edge.domain.attendance.cues import CUES, DARK, CueName, Lights
from edge.domain.attendance.states import Situation, State
from edge.resources import photos_directory
from edge.sandbox import write_terminal
from edge.simulate.door import Door
from edge.simulate.events import PageEvents
from edge.simulate.server import bound, served
from edge.simulate.site import SimulatedSite
from edge.terminal import installed
from tests.support.accessibility import AXE, grave_problems, load_axe
from tests.support.chromium import ChromiumPage
from tests.support.clips import make_film, sound

NAME = '<img src="x" onerror="document.title=`wrong`"> \u05d0\u05d1\u05d2 ' + "x" * 140
WORDS = "document.querySelector('.door .words')"
FOCUSABLE = "button, input, summary, a[href], [tabindex='0']"


@dataclass
class Shown:
    """A site of two doors that are off, and its page."""

    site: SimulatedSite
    page: ChromiumPage
    url: str

    def cue(self, state: State, cue: CueName | None = None, door: str = "entrance") -> None:
        message = cue_message(CUES[cue or Situation(state, None).cue])
        self.site.events.tell("cue", {**message, "state": str(state)}, door)

    def come_to(self, state: State) -> None:
        self.cue(state)
        self.page.wait(f"document.querySelector('.door').dataset.state === '{state}'")

    def records(self, person: str) -> None:
        row = {"seq": 1, "kind": "punch", "utc": "2026-01-31T09:30:00Z", "person": person,
               "details": {"direction": "in"}, "receipted": False}  # fmt: skip
        self.site.events.tell("records", {
            "records": [row, {**row, "seq": 2, "receipted": True}], "pending": 1, "receipted": 2, "online": False,
            "alarms": ["camera-changed"], "people": [person],
        }, "entrance")  # fmt: skip
        self.page.wait("document.querySelectorAll('.door tbody tr').length === 2")

    def form(self) -> None:
        """Fill in the form of the enrolment."""
        self.page.run("document.querySelector('.door .enrol').open = true")
        for field in ("name", "witness"):
            self.page.run(f"document.querySelector('.door .{field}').value = {NAME!r}")
        for box in ("age", "employer"):
            self.page.run(f"document.querySelector('.door .{box}').checked = true")

    def reload(self) -> None:
        self.page.open(self.url)


@contextmanager
def answering(door: Door, said: list[dict[str, object]]) -> Iterator[None]:
    """A terminal that answers one request on its control socket with these lines."""
    path = installed.control_path(door.config)
    with closing(socket.socket(socket.AF_UNIX)) as listening, short_name(path) as name:
        listening.bind(name)
        listening.listen()

        def answer() -> None:
            with closing(listening.accept()[0]) as link:
                link.recv(10_000)
                for one in said:
                    link.sendall(json.dumps({"v": 1, **one}).encode() + b"\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()
    path.unlink()


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("simulate")
    site = SimulatedSite(folder, PageEvents(), None)
    for name in ("entrance", "side-door"):
        loaded = config.load(write_terminal(folder / name, photos_directory(), name=name))
        site.doors[name] = Door(name.title(), loaded.config, site.events)
    with ExitStack() as stack:
        server = stack.enter_context(served(site, bound(0)))
        page = stack.enter_context(ChromiumPage(folder / "profile", options=("--deny-permission-prompts",)))
        page.size(1280, 860)
        page.open(server.url)
        yield Shown(site, page, server.url)


@pytest.fixture(autouse=True)
def _a_new_page(shown: Shown) -> Iterator[None]:
    shown.page.console.clear()
    shown.reload()
    yield
    shown.page.size(1280, 860)
    shown.page.prefer()
    assert shown.page.run("document.title") == "SmartClocker simulator"


def test_axe_is_the_one_that_its_source_names() -> None:
    source = tomllib.loads((AXE.parent / "SOURCE.toml").read_text())
    assert sha256(AXE.read_bytes()).hexdigest() == source["sha256"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_state(shown: Shown, scheme: str) -> None:
    page = shown.page
    page.prefer(scheme=scheme)
    load_axe(page)
    shown.records(NAME)
    for state in State:
        shown.come_to(state)
        assert grave_problems(page) == [], state


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_part_of_the_enrolment(shown: Shown, scheme: str) -> None:
    page = shown.page
    page.prefer(scheme=scheme)
    load_axe(page)
    shown.form()
    assert grave_problems(page) == []
    page.run("document.querySelector('.door [value=photographs]').click()")
    assert grave_problems(page) == []
    page.run("document.querySelector('.door [value=camera]').click()")
    page.run("document.querySelector('.door .wish').requestSubmit()")
    page.wait("!document.querySelector('.door .consent').hidden")
    assert grave_problems(page) == []
    page.run("document.querySelector('.door .decline').click()")
    shown.site.events.tell("enrolment", {"going": True}, "entrance")
    page.wait("!document.querySelector('.door .guided').hidden")
    assert grave_problems(page) == []
    shown.site.events.tell("enrolment", {"going": False}, "entrance")
    page.wait("document.querySelector('.door .guided').hidden")


@pytest.mark.parametrize("width", [320, 360, 640])
def test_a_narrow_window_scrolls_one_way_only(shown: Shown, width: int) -> None:
    """320 pixels are what a window of 1280 has at 400 %, and 640 at 200 %."""
    page = shown.page
    page.size(width, 700)
    shown.records(NAME)
    shown.come_to(State.REFUSED)
    shown.form()
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.run(fits)
    page.run("document.querySelector('.door .wish').requestSubmit()")
    page.wait("!document.querySelector('.door .consent').hidden")
    assert page.run(fits)


def test_the_keyboard_reaches_everything_and_one_sees_where_it_is(shown: Shown) -> None:
    page = shown.page
    page.run("for (const one of document.querySelectorAll('details')) one.open = true")
    wanted = (
        f"[...document.querySelectorAll(`{FOCUSABLE}`)].filter((one) => one.checkVisibility() && !one.disabled"
        " && !(one.type === 'radio' && !one.checked))"
    )
    page.run(f"window.wanted = new Set({wanted}); window.hidden = []; document.body.focus(); 0")
    most = page.run("wanted.size")
    assert most > 50
    for _ in range(most + 5):
        page.press("Tab")
        page.run(
            "(() => { const one = document.activeElement; wanted.delete(one); const style = getComputedStyle(one);"
            " if (one !== document.body && (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2))"
            " hidden.push(one.outerHTML); })()"
        )
    assert page.run("[...wanted].map((one) => one.outerHTML)") == []
    assert page.run("hidden") == []


def test_the_same_words_are_said_once_however_often_a_cue_is_shown(shown: Shown) -> None:
    page = shown.page
    shown.come_to(State.IDLE)
    page.run(f"window.said = []; new MutationObserver(() => said.push({WORDS}.textContent))"
             f".observe({WORDS}, {{ childList: true, characterData: true, subtree: true }}); 0")  # fmt: skip
    for _ in range(50):
        shown.cue(State.LENT, CueName.TURN_LEFT)
    page.wait(f"document.querySelector('.door').dataset.state === '{State.LENT}'")
    shown.come_to(State.IDLE)
    page.wait("said.length > 1")
    said = page.run("said")
    assert len(said) == 2
    assert "to your left" in said[0]


def test_ten_thousand_events_end_in_the_present_state(shown: Shown) -> None:
    page = shown.page
    for n in range(5_000):
        shown.cue(State.LOOKING if n % 2 else State.IDLE)
        shown.site.events.tell("lights", lights_message(Lights(red=bool(n % 2))), "entrance")
    shown.come_to(State.OUT_OF_SERVICE)
    shown.site.events.tell("lights", lights_message(Lights(red=True)), "entrance")
    page.wait("document.querySelector('.door .red').classList.contains('lit')")
    assert page.run("document.querySelectorAll('*').length") < 2_000
    assert page.console == []


def test_who_wants_no_motion_sees_steady_lamps(shown: Shown) -> None:
    page = shown.page
    page.prefer(motion="reduce")
    shown.reload()
    shown.come_to(State.STARTING)
    lit = "document.querySelector('.door .lamp.lit') !== null"
    assert page.run(lit)
    shown.site.events.tell("lights", {**lights_message(DARK), "tone_hz": 440}, "entrance")
    page.wait("document.querySelector('.door .buzzer').classList.contains('lit')")
    assert page.run(lit)
    assert page.run("document.getAnimations().length") == 0


def test_a_name_is_shown_as_text_whatever_it_is(shown: Shown) -> None:
    page = shown.page
    shown.records(NAME)
    assert page.run("document.querySelector('.door tbody bdi').textContent") == NAME
    shown.form()
    page.run("document.querySelector('.door .wish').requestSubmit()")
    page.wait("!document.querySelector('.door .consent').hidden")
    assert page.run("document.querySelector('.door .whom').textContent") == NAME
    assert page.run("document.querySelectorAll('img[onerror]').length") == 0


def test_nothing_is_sent_without_the_consent_and_a_terminal_that_is_off_says_so(shown: Shown) -> None:
    page = shown.page
    outcome = "document.querySelector('.door .outcome').textContent"
    page.run("document.querySelector('.door .enrol').open = true")
    page.run("document.querySelector('.door .wish button').click()")
    assert page.run("document.querySelector('.door .consent').hidden"), "the form is empty"
    shown.form()
    page.run("document.querySelector('.door .wish').requestSubmit()")
    page.wait("!document.querySelector('.door .consent').hidden")
    assert page.run("document.activeElement.className") == "consent"
    page.run("document.querySelector('.door .typed').value = 'yes'")
    page.run("document.querySelector('.door .agree').requestSubmit()")
    page.wait(f"{outcome}.startsWith('Only AGREE agrees')")
    page.run("document.querySelector('.door .decline').click()")
    page.wait(f"{outcome}.includes('did not agree')")
    page.run("document.querySelector('.door .wish').requestSubmit()")
    page.run("document.querySelector('.door [data-contact=in]').click()")
    page.wait(f"{outcome}.includes('switch its power on')")
    assert page.run("document.querySelector('.door .name').value") == NAME, "nobody types it twice"


def test_what_a_later_terminal_says_does_not_break_the_page(shown: Shown) -> None:
    """Words, fields and reasons that this page does not know."""
    page = shown.page
    said = [
        {"progress": "ask", "cue": "consent", "text": "press IN to <i>agree</i>", "more": {"a": [1]}},
        {"progress": "new"},
        {"progress": "coach", "text": 7, "taken": "many"},
        {"progress": "coach", "cue": "no-cue", "text": "turn round", "taken": 1, "wanted": 7, "new": None},
        {"end": "refused", "reason": "a-new-reason", "text": "it ended in a new way", "more": 1},
    ]
    page.run("window.told = []; window.coach = document.querySelector('.door .coach'); new MutationObserver("
             "(all) => told.push(...all.flatMap((one) => [...one.addedNodes]).map((node) => node.textContent)))"
             ".observe(coach, { childList: true }); 0")  # fmt: skip
    with answering(shown.site.doors["entrance"], said):
        shown.form()
        page.run("document.querySelector('.door .wish').requestSubmit()")
        page.run("document.querySelector('.door [data-contact=in]').click()")
        page.wait("document.querySelector('.door .outcome').textContent.startsWith('It ended in a new way.')")
    assert page.run("told").count("Press IN to <i>agree</i>.") == 1
    assert page.run("told").count("Turn round.") == 1
    assert page.console == []


def test_a_webcam_that_is_denied_is_said_in_words(shown: Shown) -> None:
    page = shown.page
    page.run("document.querySelector('.door .webcam').click()")
    page.wait("document.querySelector('.door .problem').textContent !== ''")
    assert "webcam" in page.run("document.querySelector('.door .problem').textContent")
    assert page.run("document.querySelector('.door .webcam').getAttribute('aria-pressed')") == "false"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken.mp4", "MP4 (H.264) or a WebM"),
        ("broken.webm", "MP4 (H.264) or a WebM"),
        ("broken.jpg", "JPEG or PNG"),
        ("empty.png", "JPEG or PNG"),
        ("text.txt", "JPEG or PNG"),
    ],
)
def test_a_file_that_is_neither_picture_nor_clip_is_said_in_words(
    shown: Shown, tmp_path: Path, name: str, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"" if name.startswith("empty") else b"\x00\x00\x00\x18ftypmp42 nothing of the kind" * 20)
    shown.page.upload(".door .upload", path)
    shown.page.wait("document.querySelector('.door .problem').textContent !== ''")
    assert words in shown.page.run("document.querySelector('.door .problem').textContent")
    assert shown.page.run("document.querySelector('.door .live').hidden")


@pytest.mark.parametrize(
    "make", [make_film, lambda path, _: sound(path)], ids=["a codec of long ago", "only sound"]
)
def test_a_clip_that_shows_nothing_is_said_in_words(shown: Shown, tmp_path: Path, make) -> None:
    clip = make(tmp_path / "clip.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 15)
    shown.page.upload(".door .upload", clip)
    shown.page.wait("document.querySelector('.door .problem').textContent !== ''")
    assert "MP4 (H.264) or a WebM" in shown.page.run("document.querySelector('.door .problem').textContent")
    assert shown.page.run("document.querySelector('.door .live').hidden")


def test_a_clip_of_any_size_is_played_until_somebody_else_stands_there(shown: Shown, tmp_path: Path) -> None:
    page = shown.page
    clip = make_film(tmp_path / "clip.webm", [np.full((18, 34, 3), 90, np.uint8)] * 15, codec="libvpx")
    page.upload(".door .upload", clip)
    page.wait("!document.querySelector('.door .live').hidden")
    camera = shown.site.doors["entrance"].devices.camera
    while camera._newest is None:
        page.run("new Promise((done) => setTimeout(done, 20))")
    page.run("document.querySelector('.door .nobody').click()")
    page.wait("document.querySelector('.door .live').hidden")
    page.wait("document.querySelector('.door .scene').textContent === 'Nobody is there.'")


def test_a_second_window_is_told_the_same(shown: Shown, tmp_path: Path) -> None:
    shown.come_to(State.PRESSED)
    with ChromiumPage(tmp_path / "profile") as second:
        second.open(shown.url)
        second.wait("document.querySelector('.door').dataset.state === 'pressed'")
        shown.come_to(State.IDLE)
        second.wait("document.querySelector('.door').dataset.state === 'idle'")
