"""Ways in that are no face, on the whole program: badge, staff number and PIN, badge and face together."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge import config
from edge.terminal import installed
from tests.support.badge_terminal import added, present, punches, running, smartclocker, wait_for

# Long enough that no clock reading or random id holds them by chance.
NUMBER, STAFF, PIN = "0004711993", "77001880660029915", "271828182845"
UNKNOWN = ("314159265358", "999999999999")


@pytest.fixture
def reader(site) -> Path:
    """A script reader's FIFO, and a configuration that names it."""
    path = site.directory / "reader"
    os.mkfifo(path)
    text = site.config.read_text()
    site.config.write_text(text + f'\n[reader]\nkind = "script"\nscript = "{path}"\n')
    return path


def test_who_said_no_to_their_face_clocks_in_by_badge_and_out_by_pin(site, reader: Path, tmp_path: Path) -> None:
    person = added(site, "Ann Example")
    smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER)
    smartclocker("people", "number", person, "--config", site.config, typed=STAFF)
    smartclocker("people", "pin", person, "--config", site.config, typed=PIN)
    log = tmp_path / "log"
    with running(site.config, log) as terminal:
        wait_for(terminal, "ready", never="  IN\n")
        present(reader, f"badge {UNKNOWN[1]}")
        wait_for(terminal, "not recognised", never="  IN\n")
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "  IN\n")
        time.sleep(1.2)  # beyond the window in which a second punch is a duplicate
        present(reader, f"keys {STAFF}")
        wait_for(terminal, "enter your PIN")
        present(reader, f"keys {UNKNOWN[0]}")
        wait_for(terminal, "not recognised", never="  OUT\n")
        present(reader, f"keys {STAFF}")
        wait_for(terminal, "enter your PIN")
        present(reader, f"keys {PIN}")
        wait_for(terminal, "  OUT\n")
    assert punches(site) == [(person, "badge", "none"), (person, "pin", "none")]
    kept = log.read_bytes() + b"".join(
        path.read_bytes() for path in (site.directory / "state").rglob("*") if path.is_file()
    )
    assert person.encode() in kept
    for secret in (NUMBER, STAFF, PIN, *UNKNOWN):
        assert secret.encode() not in kept


def test_nobody_is_added_without_an_attested_age(site) -> None:
    command = [sys.executable, "-m", "edge", "people", "add", "Kim Child", "--config", str(site.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 65
    assert "--age-13-or-older" in done.stderr
    assert "Kim" not in done.stderr
    loaded = config.load(site.config).config
    secrets = installed.load_secrets(loaded)
    with installed.open_people(loaded, secrets) as people, installed.open_journal(loaded, secrets) as journal:
        assert people.list() == []
        assert journal.head().seq == 0


def test_after_an_objection_the_face_counts_no_more_and_the_badge_does(
    site, reader: Path, enrol, tmp_path: Path
) -> None:
    person = enrol(site, "obama.jpg", "obama2.jpg")
    smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER)
    smartclocker("people", "restrict", person, "--objection", "--config", site.config)
    with running(site.config, tmp_path / "log") as terminal:
        wait_for(terminal, "not recognised", never="  IN\n")
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "  IN\n")
    assert punches(site) == [(person, "badge", "none")]


def test_badge_and_face_together_where_the_terminal_asks_for_both(
    site, reader: Path, enrol, tmp_path: Path
) -> None:
    person = enrol(site, "obama.jpg", "obama2.jpg")
    other = added(site, "Bob Example")
    smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER)
    smartclocker("people", "badge", other, "--config", site.config, typed="5555")
    text = site.config.read_text()
    site.config.write_text(text + '\n[recognition]\nmode = "badge+face"\n')
    with running(site.config, tmp_path / "log") as terminal:
        wait_for(terminal, "show your badge", never="  IN\n")
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "now look into the camera", never="  IN\n")
        wait_for(terminal, "  IN\n")
    ((who, method, liveness),) = punches(site)
    assert (who, method) == (person, "badge+face")
    assert liveness != "none"


def test_anothers_face_with_a_badge_is_refused(site, reader: Path, enrol, photos: Path, tmp_path: Path) -> None:
    person = enrol(site, "biden.jpg")
    smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER)
    text = site.config.read_text()
    site.config.write_text(text + '\n[recognition]\nmode = "badge+face"\n')
    with running(site.config, tmp_path / "log") as terminal:
        wait_for(terminal, "not recognised", never="  IN\n")  # obama3.jpg stands there
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "now look into the camera", never="  IN\n")
        wait_for(terminal, "not recognised", never="  IN\n")
    assert punches(site) == []


def test_without_its_camera_badge_and_pin_go_on_and_the_camera_comes_back_by_itself(
    site, reader: Path, photos: Path, tmp_path: Path
) -> None:
    person = added(site, "Ann Example")
    smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER)
    smartclocker("people", "number", person, "--config", site.config, typed=STAFF)
    smartclocker("people", "pin", person, "--config", site.config, typed=PIN)
    replay = site.directory.parent / "replay"
    away = replay.rename(tmp_path / "away")
    log = tmp_path / "log"
    with running(site.config, log) as terminal:
        wait_for(terminal, "the camera is out of order: badge or PIN", never="OUT OF SERVICE")
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "  IN\n", never="OUT OF SERVICE")
        wait_for(terminal, "the camera is out of order: badge or PIN", never="OUT OF SERVICE")
        present(reader, f"keys {STAFF}")
        wait_for(terminal, "enter your PIN", never="OUT OF SERVICE")
        present(reader, f"keys {PIN}")
        wait_for(terminal, "  OUT\n", never="OUT OF SERVICE")
        away.rename(replay)
        wait_for(terminal, "not recognised", never="OUT OF SERVICE")  # obama3.jpg: the camera sees again
    assert punches(site) == [(person, "badge", "none"), (person, "pin", "none")]
    text = log.read_text()
    assert text.count("name a folder with photographs") == 1
    assert "badge and PIN alone: camera-stalled" in text
    assert "mended: camera-stalled" in text


def test_a_pin_while_the_people_file_is_locked_is_refused_and_ends_nothing(
    site, reader: Path, tmp_path: Path
) -> None:
    person = added(site, "Ann Example")
    smartclocker("people", "number", person, "--config", site.config, typed=STAFF)
    smartclocker("people", "pin", person, "--config", site.config, typed=PIN)
    log = tmp_path / "log"
    with running(site.config, log) as terminal:
        wait_for(terminal, "ready", never="  IN\n")
        other = sqlite3.connect(site.directory / "state" / "people.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        present(reader, f"keys {STAFF}")
        wait_for(terminal, "enter your PIN")
        present(reader, f"keys {PIN}")
        wait_for(terminal, "not recognised", never="  IN\n")
        other.execute("ROLLBACK")
        other.close()
        assert terminal.poll() is None
        present(reader, f"keys {STAFF}")
        wait_for(terminal, "enter your PIN")
        present(reader, f"keys {PIN}")
        wait_for(terminal, "  IN\n")
    assert punches(site) == [(person, "pin", "none")]
    assert "could not be looked up" in log.read_text()


def test_where_a_badge_alone_counts_no_camera_is_opened(site, reader: Path, tmp_path: Path) -> None:
    person = added(site, "Ann Example")
    smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER)
    (site.directory.parent / "replay").rename(tmp_path / "away")
    site.config.write_text(site.config.read_text() + '\n[recognition]\nmode = "badge"\n')
    assert "a camera" not in smartclocker("check", "--config", site.config)
    with running(site.config, tmp_path / "log") as terminal:
        wait_for(terminal, "ready", never="out of order")
        present(reader, f"badge {NUMBER}")
        wait_for(terminal, "  IN\n", never="out of order")
    assert punches(site) == [(person, "badge", "none")]
    assert "camera" not in (tmp_path / "log").read_text()


def test_the_next_card_at_the_reader_is_shown_and_given(site, reader: Path) -> None:
    person = added(site, "Ann Example")

    def at_the_reader(*words: object) -> tuple[int, str]:
        command = [sys.executable, "-m", "edge", "people", *map(str, words), "--config", str(site.config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert "hold the card to the reader" in process.stderr.readline()
            present(reader, f"badge {NUMBER}")
            said = process.communicate(timeout=300)[0]
        return process.returncode, said

    assert at_the_reader("card") == (0, f"number {NUMBER}\nnobody's here\n")
    code, said = at_the_reader("badge", person, "--next")
    assert code == 0
    assert f"read {NUMBER}" in said
    assert f"{person} has this badge; the record says so" in said
    assert at_the_reader("card") == (0, f"number {NUMBER}\nthe badge of {person}\n")
    command = [sys.executable, "-m", "edge", "people", "badge", person, "--config", str(site.config)]
    for text, cure in (("47E639", "in another notation"), ("071,58937", "a facility and a card's number")):
        done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=300, check=False)
        assert done.returncode == 65
        assert cure in done.stderr
