"""`smartclocker simulate`, the whole program: over HTTP, as its page speaks it, and in a headless Chromium."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from edge.adapters.replay.scene import Scene
from edge.resources import photos_directory
from edge.vision.photo import load_photo
from tests.support.chromium import ChromiumPage
from tests.support.simulator import Heard, PageClient

ROOT = Path(__file__).resolve().parents[2]
BARACK = {"photo": "obama3.jpg"}
PROGRAM = """
import sys
from edge.terminal.attendance import attend_loop, button_presses
from tests.support import program
attend_loop.AFTER_MS = button_presses.AFTER_MS = 3_000  # as shipped: a page shows how an answer ends
sys.exit(program.main())
"""


@dataclass
class Simulation:
    """A running program."""

    url: str
    kept: Path
    process: "subprocess.Popen[str]"

    def end(self) -> tuple[int, str]:
        """The exit code after SIGTERM, and what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=120)
        return self.process.returncode, said


@pytest.fixture(scope="module")
def simulation(tmp_path_factory) -> Iterator[Simulation]:
    kept = tmp_path_factory.mktemp("simulate") / "kept"
    words = ["simulate", "--json", "--no-browser", "--keep", str(kept)]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate(timeout=60))
        yield Simulation(json.loads(line)["url"], kept, process)
        if process.poll() is None:  # only when the last test did not run: its broker would be left
            process.terminate()
            process.communicate(timeout=120)


@pytest.fixture(scope="module")
def client(simulation: Simulation) -> PageClient:
    return PageClient(simulation.url)


@pytest.fixture
def heard(client: PageClient) -> Iterator[Heard]:
    with client.hearing() as stream:
        stream.wait("network", lambda message: message["on"])
        yield stream


def cue(heard: Heard, door: str, *names: str, since: int) -> dict:
    return heard.wait("cue", lambda message: message["door"] == door and message["name"] in names, since=since)


def test_a_person_is_enrolled_punches_by_face_and_badge_and_every_record_is_receipted(
    client: PageClient, heard: Heard
) -> None:
    assert client.post("people", sample="barack", agreed=True) == (204, "")
    assert client.post("people", sample="barack", agreed=True)[0] == 409, "twice"
    heard.wait("records", lambda m: m["door"] == "entrance" and "Barack" in m["people"])
    mark = heard.mark()
    assert client.post("doors/entrance/stand", **BARACK)[0] == 204
    came = cue(heard, "entrance", "in", "refused", since=mark)
    assert (came["name"], came["state"], came["text"]) == ("in", "accepted", "IN")
    assert heard.wait("lights", lambda m: m["green"] and m["tone_hz"] > 0, since=mark)["door"] == "entrance"
    punched = heard.wait("records", lambda m: m["door"] == "entrance" and m["records"][-1]["kind"] == "punch")
    assert punched["records"][-1]["person"] == "Barack"
    assert punched["records"][-1]["details"]["direction"] == "in"
    heard.wait("records", lambda m: m["door"] == "entrance" and m["online"] and not m["pending"], since=mark)
    assert client.post("doors/entrance/stand", photo=None)[0] == 204


def test_the_other_door_knows_them_too(client: PageClient, heard: Heard) -> None:
    heard.wait("records", lambda m: m["door"] == "side-door" and "Barack" in m["people"])
    mark = heard.mark()
    assert client.post("doors/side-door/badge", number="0004711001")[0] == 204
    came = cue(heard, "side-door", "in", "out", "already-in", "already-out", since=mark)
    assert came["name"] in {"out", "already-in"}, "they came in at the entrance"


def test_a_stranger_is_refused_and_a_number_needs_its_pin(client: PageClient, heard: Heard) -> None:
    mark = heard.mark()
    assert client.post("doors/side-door/stand", photo="astronaut.png")[0] == 204
    cue(heard, "side-door", "refused", since=mark)
    assert client.post("doors/side-door/stand", photo=None)[0] == 204
    cue(heard, "side-door", "idle", since=heard.mark())
    mark = heard.mark()
    assert client.post("doors/side-door/keys", digits="1001")[0] == 204
    cue(heard, "side-door", "enter-pin", since=mark)
    assert client.post("doors/side-door/keys", digits="999999")[0] == 204
    cue(heard, "side-door", "refused", since=mark)


def test_a_pressed_button_says_what_the_next_badge_means_and_an_opened_box_is_recorded(
    client: PageClient, heard: Heard
) -> None:
    cue(heard, "side-door", "idle", since=0)
    mark = heard.mark()
    for active in (True, False):
        assert client.post("doors/side-door/contact", contact="break", active=active)[0] == 204
    cue(heard, "side-door", "pressed-break", since=mark)
    assert client.post("doors/side-door/badge", number="0004711001")[0] == 204
    cue(heard, "side-door", "break-begins", since=mark)
    punched = heard.wait("records", lambda m: m["records"][-1]["details"].get("direction_source") == "pressed")
    details = punched["records"][-1]["details"]
    assert (details["direction"], details["activity"]) == ("out", "break")
    assert client.post("doors/side-door/contact", contact="tamper", active=True)[0] == 204
    heard.wait("records", lambda m: any(one["kind"] == "tamper" for one in m["records"]))


def test_cables_can_be_pulled_and_the_power_switched(client: PageClient, heard: Heard) -> None:
    mark = heard.mark()
    assert client.post("doors/side-door/camera", unplugged=True)[0] == 204
    cue(heard, "side-door", "badge-only", since=mark)
    mark = heard.mark()
    assert client.post("doors/side-door/camera", unplugged=False)[0] == 204
    cue(heard, "side-door", "idle", since=mark)
    mark = heard.mark()
    assert client.post("doors/side-door/power", on=False)[0] == 204
    off = heard.wait("power", lambda m: m["door"] == "side-door" and not m["on"], since=mark)
    assert off["problem"] is None
    assert client.post("doors/side-door/badge", number="0004711001")[0] == 409
    mark = heard.mark()
    assert client.post("doors/side-door/power", on=True)[0] == 204
    cue(heard, "side-door", "idle", since=mark)


def test_a_disk_that_does_not_write_is_out_of_service_until_it_does(client: PageClient, heard: Heard) -> None:
    mark = heard.mark()
    assert client.post("doors/side-door/journal", on=False)[0] == 204
    assert client.post("doors/side-door/badge", number="0004711001")[0] == 204
    assert cue(heard, "side-door", "out-of-service", since=mark)["state"] == "out-of-service"
    mark = heard.mark()
    assert client.post("doors/side-door/journal", on=True)[0] == 204
    cue(heard, "side-door", "idle", since=mark)


def test_a_cut_network_keeps_records_waiting_and_a_mended_one_receipts_them(
    client: PageClient, heard: Heard
) -> None:
    mark = heard.mark()
    assert client.post("network", on=False)[0] == 204
    heard.wait("network", lambda m: not m["on"], since=mark)
    assert client.post("people", sample="joe", agreed=True)[0] in {204, 409}
    heard.wait("records", lambda m: m["door"] == "entrance" and not m["online"] and m["pending"], since=mark)
    mark = heard.mark()
    assert client.post("network", on=True)[0] == 204
    heard.wait("records", lambda m: m["door"] == "entrance" and m["online"] and not m["pending"], since=mark)


def film_of(photo: str, path: Path) -> Path:
    """What a webcam would film of somebody: Chromium takes JPEGs one after another as a film."""
    scene = Scene()
    scene.show(load_photo(photos_directory() / photo))
    with path.open("wb") as out:
        for frame in range(45):
            picture = io.BytesIO()
            Image.fromarray(scene.render(frame / 15)).save(picture, "JPEG", quality=95)
            out.write(picture.getvalue())
    return path


def test_the_page_in_a_browser(simulation: Simulation, tmp_path: Path) -> None:
    """Its webcam, its widgets by the keyboard, its words for a screen reader; nothing is written to the console."""
    with ChromiumPage(tmp_path / "profile", film=film_of("biden.jpg", tmp_path / "joe.mjpeg")) as page:
        page.open(simulation.url)
        words = "document.querySelector('.door .words')"
        page.wait(f"{words}.textContent.startsWith('ready')")
        assert page.run(f"{words}.getAttribute('aria-live')") == "polite"
        page.run("document.getElementById('agreed').click()")
        page.run("document.querySelector('#samples li:nth-child(2) button').click()")
        page.wait("document.querySelector('#samples li:nth-child(2) button').disabled")

        page.run("document.querySelector('.door .webcam').focus()")
        page.press(" ")
        page.wait("document.querySelector('.door .webcam').getAttribute('aria-pressed') === 'true'")
        page.wait(f"/^(IN|OUT|ALREADY)/.test({words}.textContent)")
        page.wait("document.querySelector('.door tbody .punch')?.innerText.includes('Joe')")
        page.press(" ")
        page.wait("document.querySelector('.door .webcam').getAttribute('aria-pressed') === 'false'")
        page.wait(f"{words}.textContent.startsWith('ready')")

        page.upload(".door .upload", photos_directory() / "astronaut.png")
        page.wait(f"{words}.textContent.startsWith('not recognised')")
        page.run("document.querySelector('.door .nobody').click()")

        page.run("document.querySelector('.door .digits').value = '1002'")
        page.run("document.querySelector('.door .digits').focus()")
        page.press("Enter")
        page.wait(f"{words}.textContent.startsWith('enter your PIN')")
        page.wait(f"{words}.textContent.startsWith('ready')")
        page.run("document.querySelector('.door [data-contact=out]').focus()")
        page.press(" ")
        page.wait(f"{words}.textContent.startsWith('OUT: now your face')")
        page.run("document.querySelector('.door [data-contact=break]').click()")
        page.wait(f"{words}.textContent.startsWith('BREAK: now your face')")
        assert page.run("document.querySelectorAll('#states .here').length") >= 1
        assert page.console == []


def test_it_ends_in_mid_enrolment_and_what_was_kept_verifies(
    simulation: Simulation, client: PageClient, smartclocker
) -> None:
    assert client.post("doors/side-door/stand", photo="astronaut.png")[0] == 204
    with client.enrolling("side-door", name="Eileen") as going:
        going.until(lambda line: line.get("progress") == "coach")
        code, said = simulation.end()
        assert going.end()["left"] == {"people": 0, "templates": 0, "records": 0}
    assert code == 0, said
    assert "Traceback" not in said
    assert simulation.url.rsplit("/", 2)[1] not in said, "the token is no word for a log"
    for door in ("entrance", "side-door"):
        verified = smartclocker("journal", "verify", "--config", simulation.kept / door / "config.toml", "--json")
        assert (verified.returncode, json.loads(verified.stdout)["chain"]) == (0, "ok")
    ledger = smartclocker("central", "verify", simulation.kept / "centre", "--json")
    assert (ledger.returncode, json.loads(ledger.stdout)["chain"]) == (0, "ok")
