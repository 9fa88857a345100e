"""A terminal in this process, whose parts a test takes away and brings back."""

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge import config
from edge.adapters import reopening_devices
from edge.adapters.linux.sd_notify import SilentNotifier
from edge.adapters.replay.console_signals import ConsoleSignals
from edge.central.broker import certificates
from edge.crypto.key_files import create_identity, public_pem
from edge.terminal import daemon
from edge.terminal.attendance import credential_check, image_capture
from edge.terminal.daemon import Terminal
from edge.terminal.uplink import centre

NUMBER = "0004711993"


@dataclass
class Gate:
    """A terminal's configuration with a reader, whose parts a test takes away and brings back."""

    directory: Path
    path: Path

    def write(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write("\n" + text + "\n")

    def replace(self, old: str, new: str) -> None:
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))


class Life:
    """A terminal in this process."""

    def __init__(self, gate: Gate, **given: object) -> None:
        self.gate, self.drawn = gate, io.StringIO()
        given = {"signals": ConsoleSignals(self.drawn)} | given
        loaded = config.load(gate.path).config
        self.terminal = Terminal(loaded, notifier=SilentNotifier(), **given)
        self.code: int | None = None
        self.thread = threading.Thread(target=self._live)
        self.thread.start()

    def _live(self) -> None:
        self.code = self.terminal.run()

    @property
    def alarms(self) -> frozenset[str]:
        return self.terminal.status.alarms

    def wait(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < deadline, what
            assert self.thread.is_alive(), f"it ended before: {what}"
            time.sleep(0.02)

    def punches(self) -> None:
        """By badge; its first light may take as long as a start does."""
        before = self.terminal.attend.tally.punches + self.terminal.attend.tally.suppressed
        self.wait(lambda: all(worker.opened.is_set() for worker in self.terminal._workers), "it attends")
        tally, due_s = self.terminal.attend.tally, 0.0

        def counted() -> bool:
            nonlocal due_s
            if time.monotonic() > due_s:  # a second repetition within the window leaves no record
                due_s = time.monotonic() + 1.5
                descriptor = os.open(self.gate.directory / "reader", os.O_RDWR | os.O_NONBLOCK)
                os.write(descriptor, f"badge {NUMBER}\n".encode())
                os.close(descriptor)
            return tally.punches + tally.suppressed > before

        self.wait(counted, "a badge is a punch")


@pytest.fixture
def gate(site, smartclocker, monkeypatch) -> Gate:
    monkeypatch.setattr(credential_check, "HELD_MS", 0)  # each badge is one of its own
    monkeypatch.setattr(reopening_devices, "RETRY_S", 0.2)
    monkeypatch.setattr(centre, "RETRY_S", 0.2)
    monkeypatch.setattr(image_capture, "_ASK_NS", 1)
    monkeypatch.setattr(daemon, "EYES_EVERY_S", 0.2)
    os.mkfifo(site.directory / "reader")
    gate = Gate(site.directory, site.config)
    gate.write(f'[reader]\nkind = "script"\nscript = "{site.directory / "reader"}"\n')
    said = smartclocker("people", "add", "Ann", "--age-13-or-older", "--config", site.config).stdout
    person = said.split()[1].rstrip(":")
    done = smartclocker("people", "badge", person, "--config", site.config, typed=NUMBER + "\n")
    assert done.returncode == 0, done.stderr
    return gate


@pytest.fixture
def live() -> Iterator[Callable[..., Life]]:
    lives: list[Life] = []

    def start(gate: Gate, **given: object) -> Life:
        lives.append(Life(gate, **given))
        return lives[-1]

    yield start
    for life in lives:
        life.terminal.stop.set("test")
        life.thread.join(300)
        assert not life.thread.is_alive()


def uplink(gate: Gate) -> certificates.Credentials:
    """A centre that nobody answers at, with genuine files."""
    certificates.create_authority(gate.directory / "pki")
    files = certificates.issue_client(gate.directory / "pki", "entrance-1")
    for name in ("ledger", "authority"):
        key = create_identity(gate.directory / f"{name}.key").verify_key
        (gate.directory / f"{name}.pem").write_text(public_pem(key))
    gate.replace(
        'storage = "storage"\n', 'storage = "storage"\nledger = "ledger.pem"\nauthority = "authority.pem"\n'
    )
    gate.write(
        f'[uplink]\nhost = "127.0.0.1"\nport = 9\nca = "{files.ca}"\ncertificate = "{files.certificate}"\n'
        f'key = "{files.key}"\n'
    )
    return files
