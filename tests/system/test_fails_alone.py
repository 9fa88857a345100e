"""What punching can do without fails alone: badges go on, an alarm says it, and it ends once that is mended."""

import io
import os
import shutil
from pathlib import Path

import pytest

from edge.adapters.replay.console_signals import ConsoleSignals
from edge.resources import models_directory
from edge.terminal import adapters
from edge.terminal.runtime.alarms import Alarm
from edge.terminal.uplink.publisher import Publisher
from tests.support.failing_terminal import gate, live, uplink

__all__ = ["gate", "live"]  # fixtures


def test_a_terminal_without_its_certificate_punches_and_says_so(gate, live, caplog) -> None:
    files = uplink(gate)
    kept = files.certificate.read_bytes()
    files.certificate.unlink()
    life = live(gate)
    life.punches()
    life.wait(lambda: Alarm.UPLINK_FILES in life.alarms, "the alarm")
    assert str(files.certificate) in caplog.text
    files.certificate.write_bytes(kept)
    life.wait(lambda: Alarm.UPLINK_FILES not in life.alarms, "it is read again")


@pytest.mark.parametrize("name", ["ledger.pem", "authority.pem"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("rubbish")], ids=["missing", "damaged"])
def test_a_terminal_without_a_pinned_key_punches_and_says_so(gate, live, caplog, name, harm) -> None:
    uplink(gate)
    path = gate.directory / name
    kept = path.read_text()
    harm(path)
    life = live(gate)
    life.punches()
    life.wait(lambda: Alarm.KEYS_UNUSABLE in life.alarms, "the alarm")
    assert str(path) in caplog.text
    path.write_text(kept)
    life.wait(lambda: Alarm.KEYS_UNUSABLE not in life.alarms, "it begins anew, with the key")


def test_an_error_on_the_way_to_the_centre(gate, live, caplog, monkeypatch) -> None:
    uplink(gate)
    genuine, failing = Publisher.run_once, [True]

    def run_once(publisher: Publisher, timeout_s: float) -> None:
        if failing:
            raise KeyError("nobody foresaw")
        genuine(publisher, timeout_s)

    monkeypatch.setattr(Publisher, "run_once", run_once)
    life = live(gate)
    life.wait(lambda: Alarm.CENTRE_FAILING in life.alarms, "the alarm")
    life.punches()
    failing.clear()
    life.wait(lambda: Alarm.CENTRE_FAILING not in life.alarms, "it begins anew")
    assert caplog.text.count("an error that nobody foresaw (KeyError)") == 1
    assert life.terminal.centre.counters()["uplink_faults"] >= 1


def test_a_terminal_without_a_reader_at_the_start_punches_and_says_so(gate, live, caplog) -> None:
    (gate.directory / "reader").unlink()
    life = live(gate)
    life.wait(lambda: Alarm.READER_AWAY in life.alarms, "the alarm")
    assert "mkfifo" in caplog.text
    os.mkfifo(gate.directory / "reader")
    life.wait(lambda: Alarm.READER_AWAY not in life.alarms, "it is opened again")
    life.punches()


def test_a_terminal_without_lights_punches_and_says_so(gate, live, caplog, monkeypatch) -> None:
    """This machine has no pins to drive; later it has lights."""
    gate.replace('kind = "console"', 'kind = "gpio"')
    life = live(gate, signals=None)
    life.wait(lambda: Alarm.SIGNALS_FAILING in life.alarms, "the alarm")
    assert "lights and buzzer, without which punching goes on" in caplog.text
    life.punches()
    drawn = io.StringIO()
    monkeypatch.setattr(adapters, "signals", lambda _: ConsoleSignals(drawn))
    life.wait(lambda: Alarm.SIGNALS_FAILING not in life.alarms, "they are opened again")
    life.punches()
    life.wait(drawn.getvalue, "it speaks again")


def test_a_terminal_without_its_evidence_key_punches_and_says_so(gate, live, caplog, smartclocker) -> None:
    gate.write(f'[evidence]\nkey = "{gate.directory / "evidence.pem"}"')
    life = live(gate)
    life.punches()
    assert Alarm.EVIDENCE_FAILING in life.alarms
    assert str(gate.directory / "evidence.pem") in caplog.text
    assert smartclocker("central", "evidence", "key", gate.directory / "evidence").returncode == 0
    life.wait(lambda: Alarm.EVIDENCE_FAILING not in life.alarms, "it is read again")


def test_a_terminal_without_a_coming_model_punches_and_says_so(gate, live, caplog) -> None:
    gate.write(f'[recognition]\nshadow = "{gate.directory / "none"}"')
    life = live(gate)
    life.punches()
    assert Alarm.SHADOW_FAILING in life.alarms
    assert "the coming model learns nothing" in caplog.text


def test_without_its_policy_nobody_is_recognised_and_badges_go_on(gate, live) -> None:
    policy = gate.directory / "policy.md"
    policy.rename(gate.directory / "away")
    life = live(gate)
    assert Alarm.FACES_FAILING in life.alarms
    life.punches()
    (gate.directory / "away").rename(policy)
    life.thread.join(300)
    assert life.code == 0, "it ends, to be started again with its eyes"


def test_without_its_models_nobody_is_recognised_and_badges_go_on(gate, live) -> None:
    models = gate.directory / "models"
    shutil.copytree(models_directory(""), models)
    gate.replace('state = "state"', f'state = "state"\nmodels = "{models}"')
    embedder = next(models.glob("fr_feature*"))
    whole = embedder.read_bytes()
    embedder.write_bytes(whole[:-1])
    life = live(gate)
    assert Alarm.FACES_FAILING in life.alarms
    life.punches()
    embedder.write_bytes(whole)
    life.thread.join(300)
    assert life.code == 0


@pytest.mark.parametrize("lacking", ["policy.md", "identity", "storage"])
def test_what_a_terminal_without_a_reader_cannot_do_without_ends_the_start(site, smartclocker, lacking) -> None:
    (site.directory / lacking).unlink()
    done = smartclocker("run", "--config", site.config)
    assert done.returncode == 78
    assert lacking in done.stderr


def test_where_face_and_badge_go_together_a_badge_alone_does_not_take_their_place(gate, smartclocker) -> None:
    gate.write('[recognition]\nmode = "badge+face"')
    (gate.directory / "policy.md").unlink()
    assert smartclocker("run", "--config", gate.path).returncode == 78
