"""From an empty directory and one token to a receipted punch: real centre, claim server, mosquitto and terminal."""

import contextlib
import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import config
from edge.central.broker.mosquitto import find_mosquitto
from edge.central.store.records import Store
from edge.sandbox import write_terminal
from edge.terminal import installed
from tests.support.badge_terminal import present, running, smartclocker, wait_for

BADGE = "0004711993"


@contextlib.contextmanager
def free_port() -> Iterator[int]:
    """A port that nobody else is given; a program that reuses addresses may listen on it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def program(log: Path, *command: object) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as said, subprocess.Popen(list(map(str, command)), stdout=said, stderr=said) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 10).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"it does not listen: {log.read_text()}")


def test_from_a_token_to_a_receipted_punch(tmp_path: Path) -> None:
    base, into, log = tmp_path / "centre", tmp_path / "broker", tmp_path / "log"
    log.mkdir()
    with contextlib.ExitStack() as stack:
        port, claims = stack.enter_context(free_port()), stack.enter_context(free_port())
        listen = ("--listen", "127.0.0.1", "--port", port)
        smartclocker("central", "init", base, "--host", "127.0.0.1", "--site", "main", *listen)
        conf = base / "mosquitto.conf"
        conf.write_text(conf.read_text().replace("/var/lib/mosquitto/", f"{tmp_path}/"))
        smartclocker("central", "broker", base, into, "--user", getpass.getuser())
        broker = stack.enter_context(program(log / "broker", find_mosquitto(), "-c", into / "mosquitto.conf"))
        ready(port, broker, log / "broker")
        us = (sys.executable, "-m", "edge", "central")
        way = ("--host", "127.0.0.1", "--port", port)
        stack.enter_context(program(log / "ledger", *us, "run", base, *way))
        where = ("--listen", "127.0.0.1", "--port", claims)
        server = stack.enter_context(program(log / "claims", *us, "claims", base, *where))
        ready(claims, server, log / "claims")

        terminal = new_terminal(tmp_path)
        added = json.loads(smartclocker("central", "terminal", "add", base, "main/gate-1", "--json"))
        address = f"127.0.0.1:{claims}"
        said = smartclocker("claim", address, "--config", terminal, typed=added["token"])
        assert "claimed       main/gate-1" in said

        reader = terminal.parent / "reader"
        os.mkfifo(reader)
        text = terminal.read_text()
        terminal.write_text(
            f'{text}\n[reader]\nkind = "script"\nscript = "{reader}"\n\n[recognition]\nmode = "badge"\n'
        )
        person = (
            smartclocker("people", "add", "Ann", "--age-13-or-older", "--config", terminal).split()[1].rstrip(":")
        )
        smartclocker("people", "badge", person, "--config", terminal, typed=BADGE)
        with running(terminal, log / "terminal") as process:
            wait_for(process, "ready")
            present(reader, f"badge {BADGE}")
            wait_for(process, "  IN\n")
            receipted(terminal, log)
        with Store(base / "ledger.db") as store:
            assert store.count("punch") == 1
        left = smartclocker("central", "terminal", "remove", base, "main/gate-1")
        assert "1 of gate-1 revoked" in left


def new_terminal(root: Path) -> Path:
    """A terminal's configuration with devices of this machine, and nothing of a centre."""
    pictures = root / "pictures"
    pictures.mkdir()
    made = write_terminal(root / "terminal", pictures, site="main")
    for name in ("identity", "identity.pem", "storage"):
        (made.parent / name).unlink()
    return made


def receipted(terminal: Path, log: Path) -> None:
    """Waits until the ledger's receipt covers all that the terminal has."""
    loaded = config.load(terminal).config
    assert loaded.terminal.name == "gate-1"
    assert loaded.uplink is not None
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with installed.open_journal(loaded, installed.load_secrets(loaded)) as journal:
            if 0 < journal.head().seq <= journal.watermark():
                return
        time.sleep(0.2)
    pytest.fail("\n".join(path.read_text() for path in log.iterdir()))
