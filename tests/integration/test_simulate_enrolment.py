"""Guided enrolment over the simulator's HTTP: one real terminal, and a sample person who does what it says."""

import base64
import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from edge.adapters.browser import camera
from edge.resources import photos_directory
from edge.simulate.door import Door
from edge.simulate.events import PageEvents
from edge.simulate.sample_people import SAMPLES
from edge.simulate.server import bound, served
from edge.simulate.site import SimulatedSite, write_door
from edge.terminal import installed
from tests.support.actor import Actor
from tests.support.chromium import ChromiumPage
from tests.support.simulator import Heard, PageClient
from tests.support.wide_limits import widen

LONG_S = 400
NOTHING = {"people": 0, "templates": 0, "records": 0}
BARACK, EILEEN, JOE = "obama3.jpg", "astronaut.png", "biden.jpg"

ANSWERS = {"witness": "a test", "agreed": True, "age_attested": True, "employer_agreed": True}


@dataclass
class Bench:
    """One door with its page, and what its terminal keeps."""

    door: Door
    client: PageClient
    url: str
    serving: ExitStack = field(default_factory=ExitStack)

    def stand(self, photo: str | None) -> None:
        assert self.client.post("doors/entrance/stand", photo=photo)[0] == 204

    def names(self) -> list[str]:
        secrets = installed.own_secrets(self.door.config)
        with installed.open_people(self.door.config, secrets) as people:
            return sorted(one.name for one in people.list() if one.name)

    def withdraw_everybody(self) -> None:
        """Nobody looks like anybody whom an earlier test enrolled."""
        with installed.open_people(self.door.config, installed.own_secrets(self.door.config)) as people:
            for one in people.list():
                people.withdraw(one.id, "2026-01-31T09:30:00Z")

    def kinds(self) -> list[str]:
        with installed.open_journal(self.door.config, installed.own_secrets(self.door.config)) as journal:
            return [str(one.kind) for one in journal.envelopes(0, 10_000)]


def jpeg(name: str) -> str:
    """A photograph as the page sends it: shrunk, in base64."""
    out = io.BytesIO()
    with Image.open(photos_directory() / name) as image:
        image.thumbnail((1_600, 1_600))
        image.convert("RGB").save(out, "JPEG", quality=92)
    return base64.b64encode(out.getvalue()).decode()


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[Bench]:
    """A busy machine sees fewer frames a second than the limits of an enrolment ask for: they are wider here."""
    with pytest.MonkeyPatch.context() as patched, ExitStack() as stack:
        widen(patched.setattr)
        patched.setattr(camera, "SILENT_S", 60.0)
        folder = tmp_path_factory.mktemp("simulate")
        site = SimulatedSite(folder, PageEvents(), None)
        door = Door("Entrance", write_door(folder / "entrance", "entrance", site), site.events)
        site.doors["entrance"] = door
        door.switch_on()
        stack.callback(door.switch_off)
        serving = stack.enter_context(ExitStack())
        url = serving.enter_context(served(site, bound(0))).url
        assert door.wait_until_ready(120)
        yield Bench(door, PageClient(url), url, serving)


@pytest.fixture
def heard(bench: Bench) -> Iterator[Heard]:
    with bench.client.hearing() as stream:
        stream.wait("cue", lambda m: m["state"] in {"idle", "looking"})
        yield stream


def over(heard: Heard, since: int, *, going: bool = True) -> None:
    """No enrolment goes on, and the terminal attends again; `going`: the page had begun one."""
    if going:
        heard.wait("enrolment", lambda m: not m["going"], since=since)
    heard.wait("cue", lambda m: m["state"] == "idle", since=since)


def test_cancelling_leaves_nothing_and_says_that_the_files_were_looked_through(bench: Bench, heard: Heard) -> None:
    before, mark = bench.kinds(), heard.mark()
    bench.stand(BARACK)
    with bench.client.enrolling("entrance", name="Ada") as going:
        told = going.until(lambda said: said.get("taken", 0) >= 1)
        assert told["wanted"] == 5
        assert told["text"]
        assert bench.client.post("doors/entrance/enrolment/cancel") == (204, "")
        end = going.end()
    assert (end["end"], end["reason"], end["left"]) == ("refused", "cancelled", NOTHING)
    assert "nothing was kept" in end["text"]
    over(heard, mark)
    assert (bench.names(), bench.kinds()) == ([], before)
    assert bench.client.post("doors/entrance/enrolment/cancel")[0] == 409


def test_a_page_that_is_closed_cancels(bench: Bench, heard: Heard) -> None:
    before, mark = bench.kinds(), heard.mark()
    bench.stand(BARACK)
    with bench.client.enrolling("entrance", name="Ada") as going:
        going.until(lambda said: said.get("taken", 0) >= 1)
    over(heard, mark)
    assert (bench.names(), bench.kinds()) == ([], before)


def test_of_two_windows_that_enrol_at_once_one_waits_and_may_cancel_the_other(bench: Bench, heard: Heard) -> None:
    mark = heard.mark()
    bench.stand(BARACK)
    with bench.client.enrolling("entrance", name="Ada") as first:
        first.until(lambda said: said.get("progress") == "coach")
        with bench.client.enrolling("entrance", name="Grace") as second:
            refused = second.end()
            assert (refused["end"], refused["reason"]) == ("refused", "busy")
        assert bench.client.post("doors/entrance/enrolment/cancel")[0] == 204
        assert first.end()["reason"] == "cancelled"
    over(heard, mark)
    assert bench.names() == []


def test_who_leaves_is_not_enrolled(bench: Bench, heard: Heard) -> None:
    mark = heard.mark()
    bench.stand(BARACK)
    with bench.client.enrolling("entrance", name="Ada") as going:
        going.until(lambda said: said.get("taken", 0) >= 1)
        bench.stand(None)
        end = going.end()
    assert (end["reason"], end["left"]) == ("left", NOTHING)
    over(heard, mark)


def test_another_person_in_mid_enrolment_ends_it(bench: Bench, heard: Heard) -> None:
    mark = heard.mark()
    bench.stand(BARACK)
    with bench.client.enrolling("entrance", name="Ada") as going:
        going.until(lambda said: said.get("taken", 0) >= 1)
        bench.stand(JOE)
        end = going.end()
    assert (end["reason"], end["left"]) == ("another-person", NOTHING)
    bench.stand(None)
    over(heard, mark)


def test_power_that_goes_in_mid_enrolment_leaves_nothing(bench: Bench, heard: Heard) -> None:
    bench.stand(BARACK)
    with bench.client.enrolling("entrance", name="Ada") as going:
        going.until(lambda said: said.get("taken", 0) >= 1)
        assert bench.client.post("doors/entrance/power", on=False)[0] == 204
        end = going.end()
    assert end["end"] == "refused"
    assert end["left"] == NOTHING
    with bench.client.enrolling("entrance", name="Ada") as going:
        end = going.end()
    assert (end["reason"], "switch its power on" in end["text"]) == ("away", True)
    mark = heard.mark()  # the terminal has ended: nothing of its former life follows
    assert bench.client.post("doors/entrance/power", on=True)[0] == 204
    heard.wait("cue", lambda m: m["state"] in {"idle", "looking"}, since=mark)
    bench.stand(None)
    assert bench.names() == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\nb", "a\u202eb", "a\x00b"])
def test_a_name_that_no_screen_can_show_is_refused_before_anything_begins(bench: Bench, name: str) -> None:
    status, problem = bench.client.post("doors/entrance/enrolment", name=name, **ANSWERS)
    assert status == 422
    assert "nobody was enrolled: the name" in problem


def test_nothing_is_assumed(bench: Bench) -> None:
    answers = {"name": "Ada", **ANSWERS}
    for missing, cure in (
        ({"agreed": False}, "consent"),
        ({"age_attested": False}, "13 or older"),
        ({"employer_agreed": False}, "employer"),
        ({"witness": ""}, "witness"),
    ):
        status, problem = bench.client.post("doors/entrance/enrolment", **answers | missing)
        assert (status, cure in problem) == (422, True)
    for wrong in ({"agreed": 1}, {"agreed": "yes"}, {"name": None}, {"photographs": ["#"]}, {"more": 1}):
        assert bench.client.post("doors/entrance/enrolment", **answers | wrong)[0] == 422
    assert bench.client.post("doors/back/enrolment", **answers)[0] == 404


def test_photographs_are_the_second_way(bench: Bench) -> None:
    def photographs(*names: str) -> dict[str, object]:
        return {**ANSWERS, "photographs": [jpeg(name) for name in names]}

    before = bench.kinds()
    two = photographs("biden.jpg", "obama.jpg")
    status, problem = bench.client.post("doors/entrance/enrolment", name="Somebody", **two)
    assert (status, "do not show the same person" in problem) == (409, True)
    png = base64.b64encode((photos_directory() / EILEEN).read_bytes()).decode()
    wrong = {**ANSWERS, "photographs": [png]}
    status, problem = bench.client.post("doors/entrance/enrolment", name="Somebody", **wrong)
    assert (status, "JPEG" in problem) == (422, True)
    six = photographs(*["obama.jpg"] * 6)
    assert bench.client.post("doors/entrance/enrolment", name="Somebody", **six)[0] == 422
    assert bench.names() == []
    one = photographs("biden.jpg")
    assert bench.client.post("doors/entrance/enrolment", name="Joe", **one) == (204, "")
    status, problem = bench.client.post("doors/entrance/enrolment", name="Another", **one)
    assert (status, "Joe, who is enrolled already, would be taken for this person" in problem) == (409, True)
    assert bench.names() == ["Joe"]
    assert bench.kinds()[len(before) :] == ["consent", "enrolled"]


def test_a_person_is_enrolled_as_the_terminal_says_and_clocks_in(bench: Bench, heard: Heard) -> None:
    name = "<b>Ada</b> \u05d0\u05d1 " + "x" * 150
    mark = heard.mark()
    bench.stand(BARACK)
    with bench.client.enrolling("entrance", name=name) as going:
        said = list(going.lines())
    assert (said[-1]["end"], said[-1]["templates"], said[-1]["liveness_tested"]) == ("done", 5, True)
    assert "this door alone" in said[-1]["elsewhere"]
    cues = {one["cue"] for one in said if one.get("progress") == "coach"}
    assert {"turn-left", "turn-right"} <= cues
    assert any(one.get("progress") == "scene" and one["mirrored"] for one in said)
    over(heard, mark)
    assert name in bench.names()
    bench.stand(None)
    while bench.door.terminal is not None and bench.door.terminal.control._lending.filming:
        assert not heard.ended.wait(0.02)
    mark = heard.mark()
    bench.stand(BARACK)
    heard.wait("cue", lambda m: m["name"] == "in", since=mark)
    bench.stand(None)


def test_the_page_enrols_by_the_keyboard_and_a_closed_page_leaves_nothing(
    bench: Bench, heard: Heard, tmp_path: Path
) -> None:
    bench.withdraw_everybody()
    mark, door = heard.mark(), "document.querySelector('.door')"
    with ChromiumPage(tmp_path / "profile") as page:
        page.open(bench.url)
        page.focus(f"{door}.querySelector('.face')")
        page.press("Enter")
        page.wait(f"{door}.querySelector('.scene').textContent === 'Barack is there.'")
        page.focus(f"{door}.querySelector('.enrol summary')")
        page.press("Enter")

        def agree() -> None:
            for field, words in (("name", "<b>Ada</b>"), ("witness", "a test")):
                page.focus(f"{door}.querySelector('.{field}')")
                page.run("document.activeElement.value = ''")
                page.type(words)
            for box in ("age", "employer"):
                if not page.run(f"{door}.querySelector('.{box}').checked"):
                    page.focus(f"{door}.querySelector('.{box}')")
                    page.press(" ")
            page.press("Tab")
            page.press("Enter")
            page.wait(f"!{door}.querySelector('.consent').hidden")
            page.focus(f"{door}.querySelector('[data-contact=in]')")
            page.press(" ")
            page.wait(f"{door}.querySelector('progress').value >= 1")

        agree()
        page.focus(f"{door}.querySelector('.cancel')")
        page.press("Enter")
        page.wait(f"{door}.querySelector('.outcome').textContent.includes('0 people, 0 templates and 0 records')")
        over(heard, mark)
        mark = heard.mark()
        agree()
        page.wait(f"{door}.querySelector('.outcome').textContent.startsWith('Enrolled with 5 templates')", LONG_S)
        over(heard, mark)
        assert bench.names() == ["<b>Ada</b>"]
        assert page.console == []
        bench.withdraw_everybody()
        mark = heard.mark()
        page.wait(f"{door}.dataset.state === 'idle'")
        agree()
    over(heard, mark)
    assert bench.names() == []


def film_of_turning(path: Path) -> Path:
    """What a webcam films of somebody who turns the head to both sides and comes nearer, again and again."""
    actor = Actor()
    with path.open("wb") as out:
        for advice, frames in (
            ("look", 45),
            ("to your left", 45),
            ("to your right", 45),
            ("closer", 90),
            ("step back", 90),
        ):
            actor.follow(advice)
            for frame in range(frames):
                picture = io.BytesIO()
                Image.fromarray(actor.scene.render(frame / 15)).save(picture, "JPEG", quality=95)
                out.write(picture.getvalue())
    return path


def fill_in(page: ChromiumPage, name: str) -> None:
    """Fill in the form, and come to the consent."""
    page.run("document.querySelector('.door .enrol').open = true")
    for label, value in (("name", name), ("witness", "a test")):
        page.run(f"document.querySelector('.door .{label}').value = '{value}'")
    for box in ("age", "employer"):
        page.run(f"document.querySelector('.door .{box}').checked = true")
    page.run("document.querySelector('.door .wish').requestSubmit()")
    page.wait("!document.querySelector('.door .consent').hidden")


def agree(page: ChromiumPage) -> None:
    """Type the word."""
    page.run("document.querySelector('.door .typed').value = 'agree'")
    page.run("document.querySelector('.door .agree').requestSubmit()")


def test_somebody_before_the_webcam_and_somebody_of_photographs_are_enrolled_in_the_page(
    bench: Bench, heard: Heard, tmp_path: Path
) -> None:
    bench.withdraw_everybody()
    outcome = "document.querySelector('.door .outcome').textContent"
    film = film_of_turning(tmp_path / "turning.mjpeg")
    with ChromiumPage(tmp_path / "profile", film=film) as page:
        page.open(bench.url)
        page.run("document.querySelector('.door .webcam').click()")
        page.wait("document.querySelector('.door .webcam').getAttribute('aria-pressed') === 'true'")
        mark = heard.mark()
        fill_in(page, "Grace")
        agree(page)
        page.wait(f"{outcome}.startsWith('Enrolled with 5 templates of a living face')", LONG_S)
        page.run("document.querySelector('.door .nobody').click()")
        over(heard, mark)

        page.run("document.querySelector('.door [value=photographs]').click()")
        page.run("document.querySelector('.door .enrol').open = true")
        page.upload(".door .photographs", photos_directory() / EILEEN)
        fill_in(page, "Eileen")
        agree(page)
        page.wait(f"{outcome}.startsWith('Enrolled from photographs')")
        assert page.console == []
    assert bench.names() == ["Eileen", "Grace"]
    bench.withdraw_everybody()


def test_a_supervisor_enrols_somebody_at_the_door_by_badge_keypad_and_buttons(bench: Bench, heard: Heard) -> None:
    bench.withdraw_everybody()
    post = bench.client.post

    def shows(cue: str, since: int) -> None:
        heard.wait("cue", lambda m: m["name"] == cue, since=since)

    assert post("people", sample="joe", agreed=True) == (204, "")
    assert post("people", sample="barack", agreed=False, face=False) == (204, "")
    assert "badge here already" in post("people", sample="barack", agreed=True)[1]
    bench.stand(None)
    for path, what, cue in (
        ("keys", {"digits": "0"}, "show-badge"),
        ("badge", {"number": SAMPLES["joe"].badge}, "enter-pin"),
        ("keys", {"digits": SAMPLES["joe"].pin}, "show-badge"),
        ("badge", {"number": SAMPLES["barack"].badge}, "employer-agrees"),
        ("contact", {"contact": "in", "active": True}, "consent"),
    ):
        mark = heard.mark()
        assert post(f"doors/entrance/{path}", **what)[0] == 204
        shows(cue, mark)
    bench.stand(BARACK)
    mark = heard.mark()
    assert post("doors/entrance/contact", contact="in", active=False)[0] == 204
    while not any(m["name"] != "consent" for name, m in heard.events[mark:] if name == "cue"):
        # a press right after a release is a bounce, so that it is pressed until it counts
        for active in (True, False):
            assert post("doors/entrance/contact", contact="in", active=active)[0] == 204
        assert not heard.ended.wait(0.3)
    seen = mark
    while True:  # nobody directs the sample person here: the page has no part in this enrolment
        told = heard.wait("cue", lambda m: m["state"] == "lent", since=seen)
        seen = heard.events.index(("cue", told), seen) + 1
        if told["name"] in {"enrolled", "not-enrolled"}:
            break
        bench.door.director.follow(told["name"])
    assert told["name"] == "enrolled"
    assert bench.names() == ["Barack", "Joe"]
    bench.stand(None)
    over(heard, mark, going=False)
    bench.withdraw_everybody()


def test_the_end_of_the_program_ends_an_enrolment_in_words(bench: Bench) -> None:
    names = bench.names()
    bench.stand(EILEEN)
    with bench.client.enrolling("entrance", name="Eileen") as going:
        going.until(lambda said: said.get("taken", 0) >= 1)
        bench.serving.close()
        end = going.end()
    assert (end["reason"], end["left"]) == ("cancelled", NOTHING)
    assert bench.names() == names
