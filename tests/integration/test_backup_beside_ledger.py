"""Backups that are made while the ledger stores what comes from the broker: each is of one moment, and whole."""

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker.mosquitto import EmbeddedBroker
from edge.cli import main
from edge.crypto.key_files import public_pem
from edge.domain.protocol.record import Origin
from tests.support.installation import Neighbour, eventually
from tests.support.signed_punches import SignedPunches

ROOT = Path(__file__).resolve().parents[2]


def central(*words: object) -> int:
    return main(["central", *map(str, words)])


def beside(*words: object) -> str:
    """The command in a process of its own: closing a database's file in this one would drop our locks on it."""
    command = [sys.executable, "-m", "edge", "central", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def base(tmp_path: Path) -> Path:
    made = tmp_path / "centre"
    assert central("init", made, "--host", "127.0.0.1", "--site", "main") == 0
    assert central("authority", "init", made, "--by", "Pat") == 0
    assert central("backup-key", tmp_path / "backup.key") == 0
    assert central("issue", made, "gate-1") == 0
    return made


def test_backups_beside_a_ledger_that_stores_are_whole(base: Path, tmp_path: Path) -> None:
    key = SigningKey.generate()
    (tmp_path / "gate-1.pem").write_text(public_pem(key.verify_key))
    assert central("register", base, "main", "gate-1", tmp_path / "gate-1.pem") == 0
    broker = EmbeddedBroker(tmp_path / "broker")
    broker.directory.mkdir()
    (broker.directory / "pki").symlink_to(base / "pki")
    (broker.directory / "acl").write_text((base / "acl").read_text())
    (broker.directory / "acl").chmod(0o600)
    punches = SignedPunches(Origin("main", "gate-1"), key)
    stop = threading.Event()
    with broker:
        where = ("--host", "127.0.0.1", "--port", str(broker.port))
        ledger = subprocess.Popen(
            [sys.executable, "-m", "tests.support.program", "central", "run", base, *where], cwd=ROOT
        )
        files = (base / "pki/ca.crt", base / "pki/client-gate-1.crt", base / "pki/client-gate-1.key")
        terminal = Neighbour(MqttLink(UplinkSettings("127.0.0.1", broker.port, *files), Identity("gate-1", ())))

        def send() -> None:
            """No faster than the ledger stores, because the broker would drop what waits for too long."""
            while not stop.is_set():
                terminal.publish(*punches.next())
                if punches.count % 50 == 0:
                    eventually(lambda: stored(base) > punches.count - 200, "the ledger keeps up")

        sender = threading.Thread(target=send)
        try:
            terminal.connect()
            first = punches.next()
            eventually(lambda: sent(terminal, first) and stored(base) == 1, "the ledger hears the terminal")
            sender.start()
            made = []
            for number in range(3):
                eventually(lambda: stored(base) > 20 * (number + 1), "the ledger stores")  # noqa: B023
                before = stored(base)
                beside("backup", base, tmp_path / f"{number}.scb", "--key", tmp_path / "backup.key")
                made.append((before, stored(base)))
        finally:
            stop.set()
            sender.join(60)
            terminal.link.stop()
            ledger.terminate()
            assert ledger.wait(120) == 0
    for number, (before, after) in enumerate(made):
        again = tmp_path / f"again-{number}"
        beside("restore", tmp_path / f"{number}.scb", again, "--key", tmp_path / "backup.key")
        verified = json.loads(beside("verify", again, "--json"))
        assert (verified["chain"], verified["problems"]) == ("ok", [])
        assert before <= verified["records"] <= after
    assert json.loads(beside("verify", base, "--json"))["chain"] == "ok"


def sent(terminal: Neighbour, message: tuple[str, bytes]) -> bool:
    terminal.publish(*message)
    return True


def stored(base: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{(base / 'ledger.db').as_uri()}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM records").fetchone()[0])
    except sqlite3.OperationalError:
        return -1
