"""`smartclocker doctor` beside the running service, and as far as the ledger's receipt."""

import json
import shutil
from pathlib import Path

import pytest

from edge import config
from edge.cli import main
from edge.crypto import key_files
from edge.domain.attendance.states import State
from edge.domain.doctor import DoctorVerdict
from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.journal.journal import Journal
from edge.sandbox import SandboxCentre, write_terminal
from edge.terminal import adapters, installed
from edge.terminal.doctor.catalogue import look_at
from edge.terminal.doctor.readings.sources import Sources
from tests.support.failing_terminal import gate, live

__all__ = ["gate", "live"]  # fixtures


def findings(path: Path, capsys) -> dict[str, dict]:
    capsys.readouterr()
    main(["doctor", "--config", str(path), "--json"])
    return {one["item"]: one for one in json.loads(capsys.readouterr().out)["items"]}


def test_beside_the_running_service_which_goes_on(gate, live, capsys) -> None:
    life = live(gate)
    path = installed.control_path(config.load(gate.path).config)
    life.wait(path.exists, "the socket")
    lending = life.terminal.control._lending
    life.wait(lambda: lending.situation is not None, "it attends")
    life.wait(lambda: lending.situation.state is not State.STARTING, "it is ready")
    found = findings(gate.path, capsys)
    assert found["camera"]["measured"]["by"] == "the running service"
    assert found["camera"]["measured"]["frames"] > 0
    assert set(found["service"]["measured"]["alarms"].split()) == life.alarms
    assert found["service"]["verdict"] == ("warn" if life.alarms else "ok")
    assert found["records"]["measured"]["records_head"] >= 1
    assert found["readers"]["verdict"] == "ok"
    assert found["software"]["measured"]["running"] == found["software"]["measured"]["version"]
    life.punches()


@pytest.fixture
def terminal(installation, tmp_path: Path, photos: Path) -> Path:
    """A terminal with genuine files of the centre, and one record."""
    replay = tmp_path / "replay"
    replay.mkdir()
    shutil.copy(photos / "obama3.jpg", replay)
    uplink = installation.uplink("gate-1")
    (tmp_path / "ledger-public.pem").write_text(key_files.public_pem(installation.ledger_key.verify_key))
    centre = SandboxCentre(
        uplink.host, uplink.port, uplink.ca, uplink.certificate, uplink.key, tmp_path / "ledger-public.pem"
    )
    path = write_terminal(tmp_path / "terminal", replay, site="main", name="gate-1", centre=centre)
    identity = key_files.load_identity(path.parent / "identity")
    with installation.store() as store:
        store.register(Origin("main", "gate-1"), identity.verify_key)
    with Journal(path.parent / "state/journal.db", Origin("main", "gate-1"), identity) as journal:
        journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, adapters.clock().evidence()))
    return path


def test_as_far_as_the_ledger_s_receipt(terminal, installation, capsys) -> None:
    installation.ledger()
    found = findings(terminal, capsys)
    assert found["broker"]["verdict"] == "ok", found["broker"]
    assert "it signed that it holds every record up to 1" in found["broker"]["said"]
    assert found["broker"]["measured"]["steps_good"] == 3
    assert found["certificate"]["verdict"] == "ok"
    assert found["certificate"]["measured"]["name"] == "gate-1"
    assert found["certificate"]["measured"]["days_left"] > 300


def test_a_certificate_of_another_terminal(terminal) -> None:
    text = terminal.read_text()
    terminal.write_text(text.replace('name = "gate-1"', 'name = "gate-2"'))
    found = look_at("certificate", Sources(terminal))
    assert found.verdict is DoctorVerdict.FAIL
    assert "was issued to 'gate-1'" in found.said
