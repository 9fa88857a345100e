"""What facilities people will meet: each mistake has a message that names the cure, and the right exit code."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.resources import models_directory

WITNESSED = ("--witness", "a test", "--consent", "--age-13-or-older", "--employer-agreed")


@pytest.fixture
def models(tmp_path: Path, site) -> Path:
    copy = tmp_path / "models"
    shutil.copytree(models_directory(), copy)
    text = site.config.read_text().replace("[storage]", f'[storage]\nmodels = "{copy}"')
    site.config.write_text(text)
    return copy


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: flip(m / "mobilefacenet_b1.tflite"),
        lambda m: shutil.copy(m / "face_landmark.tflite", m / "fr_liveness.tflite"),
        lambda m: (m / "face_landmark.tflite").unlink(),
        lambda m: (m / "manifest.toml").unlink(),
        lambda m: (m / "blazeface_short_range.tflite").write_bytes(b""),
    ],
    ids=["one bit", "swapped", "missing", "no manifest", "empty"],
)
def test_a_model_that_is_not_the_one_named_stops_the_terminal(site, smartclocker, models: Path, spoil) -> None:
    spoil(models)
    for verb in ("run", "check"):
        done = smartclocker(verb, "--config", site.config)
        said = done.stdout + done.stderr
        assert done.returncode == 78, said
        assert "remake.py" in said or "restore" in said
        assert "Traceback" not in said


def test_a_key_that_others_may_read_is_refused(site, smartclocker) -> None:
    (site.directory / "identity").chmod(0o644)
    done = smartclocker("run", "--config", site.config)
    assert done.returncode == 78
    assert "chmod 600" in done.stderr
    assert "PRIVATE KEY" not in done.stderr


def test_an_unreadable_configuration(site, smartclocker) -> None:
    site.config.write_text(site.config.read_text() + "[camra]\nfps = 1\n")
    for verb in ("run", "check"):
        done = smartclocker(verb, "--config", site.config)
        assert done.returncode == 78
        assert "did you mean camera?" in done.stdout + done.stderr


def test_a_journal_altered_on_disk_is_set_aside_whole_and_the_terminal_goes_on(
    site, smartclocker, enrol, notify
) -> None:
    enrol(site, "obama.jpg")
    content = site.journal.read_bytes()
    altered = content.replace(b'"enrolled"', b'"enrollee"').replace(
        b"smartclocker.enrolled.v1", b"smartclocker.enrolleX.v1"
    )
    assert altered != content
    site.journal.write_bytes(altered)
    command = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as terminal:
        try:
            assert notify.wait_for("READY=1", 120)
        finally:
            terminal.send_signal(signal.SIGTERM)
        _, log = terminal.communicate(timeout=300)
    assert terminal.returncode == 0
    (kept,) = site.journal.parent.glob("quarantine/*/journal.db")
    assert kept.read_bytes() == altered
    assert "smartclocker journal recover" in log
    shown = smartclocker("journal", "show", site.journal).stdout.splitlines()
    kinds = [json.loads(line)["type"].split(".")[1] for line in shown]
    assert kinds[:2] == ["gap", "boot"]
    assert smartclocker("journal", "verify", "--config", site.config).returncode == 0


def enrolling(smartclocker, site, *photographs: Path):
    return smartclocker("enrol", "Somebody", *photographs, "--config", site.config, *WITNESSED)


def test_enrolment_from_a_photograph_without_a_face(site, smartclocker, tmp_path: Path) -> None:
    Image.fromarray(np.full((480, 640, 3), 140, np.uint8)).save(tmp_path / "wall.png")
    done = enrolling(smartclocker, site, tmp_path / "wall.png")
    assert done.returncode == 65
    assert "wall.png: no face was found" in done.stderr


@pytest.mark.parametrize(("turn", "cure"), [(90, "to the right"), (-90, "to the left"), (180, "upside down")])
def test_a_photograph_on_its_side_says_how_to_turn_it(
    site, smartclocker, photos: Path, tmp_path: Path, turn: int, cure: str
) -> None:
    with Image.open(photos / "obama.jpg") as face:
        face.rotate(turn, expand=True).save(tmp_path / "turned.png")
    done = enrolling(smartclocker, site, tmp_path / "turned.png")
    assert done.returncode == 65
    assert "turned.png: the picture lies on its side or head; turn it" in done.stderr
    assert cure in done.stderr


def test_a_photograph_with_a_broken_tag_is_used(site, smartclocker, photos: Path, tmp_path: Path) -> None:
    whole = (photos / "obama.jpg").read_bytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x10\x01\x0b\0\x01\0\0\0\0\0\xc0\x3f\0\0\0\0"  # the model is a float
    tagged = whole[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + whole[2:]
    (tmp_path / "odd.jpg").write_bytes(tagged)
    done = enrolling(smartclocker, site, tmp_path / "odd.jpg")
    assert done.returncode == 0, done.stderr


def test_enrolment_from_a_photograph_with_two_faces(site, smartclocker, photos: Path, tmp_path: Path) -> None:
    both = Image.new("RGB", (1200, 700), (140, 140, 140))
    for x, name in ((0, "obama.jpg"), (600, "obama2.jpg")):
        with Image.open(photos / name) as face:
            both.paste(face.resize((560, round(face.height * 560 / face.width))), (x, 0))
    both.save(tmp_path / "both.png")
    done = enrolling(smartclocker, site, tmp_path / "both.png", photos / "obama.jpg")
    assert done.returncode == 65
    assert "both.png: several-faces" in done.stderr
    listed = smartclocker("people", "list", "--config", site.config)
    assert "0 people" in listed.stdout, "one bad photograph, nobody enrolled"


def test_no_consent_no_template(site, smartclocker, photos: Path) -> None:
    for given in ((), ("--consent",), ("--age-13-or-older",)):
        done = smartclocker("enrol", "X", photos / "obama.jpg", "--config", site.config, "--witness", "w", *given)
        assert done.returncode == 65
        assert "no consent, no template" in done.stderr
    assert not (site.directory / "state" / "people.db").exists()


def test_a_truncated_photograph_in_the_replay_folder(site, smartclocker, tmp_path: Path) -> None:
    whole = (tmp_path / "replay" / "a.jpg").read_bytes()
    (tmp_path / "replay" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    done = smartclocker("run", "--config", site.config)
    assert done.returncode == 74
    assert "half.jpg" in done.stderr
    assert "Traceback" not in done.stderr


def test_withdrawal_ends_matching_and_is_recorded(site, smartclocker, enrol) -> None:
    person = enrol(site, "obama.jpg")
    assert smartclocker("people", "withdraw", person, "--config", site.config).returncode == 0
    listed = smartclocker("people", "list", "--config", site.config)
    assert "not matching" in listed.stdout
    assert '"state":"withdrawn"' in smartclocker("journal", "show", site.journal).stdout


def test_one_damaged_template_does_not_lock_everyone_out(site, enrol, notify) -> None:
    damaged, whole = enrol(site, "biden.jpg"), enrol(site, "obama.jpg")
    with closing(sqlite3.connect(site.directory / "state/people.db")) as db:
        (sealed,) = db.execute("SELECT sealed FROM templates WHERE person = ?", (damaged,)).fetchone()
        with db:
            spoilt = sealed[:-1] + bytes([sealed[-1] ^ 1])
            db.execute("UPDATE templates SET sealed = ? WHERE person = ?", (spoilt, damaged))
    command = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert notify.wait_for("READY=1", 120)
            assert process.stdout is not None
            assert any(line.endswith("  IN\n") for line in process.stdout), "the other person is still let in"
        finally:
            process.terminate()
        said = process.stderr.read() if process.stderr else ""
    assert "1 person cannot be matched" in said
    assert damaged not in said
    assert whole not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for another user")
def test_what_root_makes_by_hand_belongs_to_the_services_user(site, enrol) -> None:
    nobody = 65534
    os.chown(site.directory / "state", nobody, nobody)
    enrol(site, "obama.jpg")
    made = sorted((site.directory / "state").iterdir())
    assert {path.name for path in made} >= {"journal.db", "people.db"}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(nobody, nobody)}
