"""What punching can do without fails alone: badges go on, an alarm says it, and it ends once that is mended."""

import io
import os
import shutil
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
from edge.resources import models_directory
from edge.terminal import adapters, daemon
from edge.terminal.attendance import credential_check, image_capture
from edge.terminal.daemon import Terminal
from edge.terminal.runtime import alarms
from edge.terminal.uplink import centre
from edge.terminal.uplink.publisher import Publisher

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


def test_without_its_certificate(gate, live, caplog) -> None:
    files = uplink(gate)
    kept = files.certificate.read_bytes()
    files.certificate.unlink()
    life = live(gate)
    life.punches()
    life.wait(lambda: alarms.UPLINK_FILES in life.alarms, "the alarm")
    assert str(files.certificate) in caplog.text
    files.certificate.write_bytes(kept)
    life.wait(lambda: alarms.UPLINK_FILES not in life.alarms, "it is read again")


@pytest.mark.parametrize("name", ["ledger.pem", "authority.pem"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("rubbish")], ids=["missing", "damaged"])
def test_without_a_pinned_key(gate, live, caplog, name, harm) -> None:
    uplink(gate)
    path = gate.directory / name
    kept = path.read_text()
    harm(path)
    life = live(gate)
    life.punches()
    life.wait(lambda: alarms.KEYS_UNUSABLE in life.alarms, "the alarm")
    assert str(path) in caplog.text
    path.write_text(kept)
    life.wait(lambda: alarms.KEYS_UNUSABLE not in life.alarms, "it begins anew, with the key")


def test_an_error_on_the_way_to_the_centre(gate, live, caplog, monkeypatch) -> None:
    uplink(gate)
    genuine, failing = Publisher.run_once, [True]

    def run_once(publisher: Publisher, timeout_s: float) -> None:
        if failing:
            raise KeyError("nobody foresaw")
        genuine(publisher, timeout_s)

    monkeypatch.setattr(Publisher, "run_once", run_once)
    life = live(gate)
    life.wait(lambda: alarms.CENTRE_FAILING in life.alarms, "the alarm")
    life.punches()
    failing.clear()
    life.wait(lambda: alarms.CENTRE_FAILING not in life.alarms, "it begins anew")
    assert caplog.text.count("an error that nobody foresaw (KeyError)") == 1
    assert life.terminal.centre.counters()["uplink_faults"] >= 1


def test_without_a_reader_at_the_start(gate, live, caplog) -> None:
    (gate.directory / "reader").unlink()
    life = live(gate)
    life.wait(lambda: alarms.READER_AWAY in life.alarms, "the alarm")
    assert "mkfifo" in caplog.text
    os.mkfifo(gate.directory / "reader")
    life.wait(lambda: alarms.READER_AWAY not in life.alarms, "it is opened again")
    life.punches()


def test_without_lights(gate, live, caplog, monkeypatch) -> None:
    """This machine has no pins to drive; later it has lights."""
    gate.replace('kind = "console"', 'kind = "gpio"')
    life = live(gate, signals=None)
    life.wait(lambda: alarms.SIGNALS_FAILING in life.alarms, "the alarm")
    assert "lights and buzzer, without which punching goes on" in caplog.text
    life.punches()
    drawn = io.StringIO()
    monkeypatch.setattr(adapters, "signals", lambda _: ConsoleSignals(drawn))
    life.wait(lambda: alarms.SIGNALS_FAILING not in life.alarms, "they are opened again")
    life.punches()
    life.wait(drawn.getvalue, "it speaks again")


def test_without_its_evidence_key(gate, live, caplog, smartclocker) -> None:
    gate.write(f'[evidence]\nkey = "{gate.directory / "evidence.pem"}"')
    life = live(gate)
    life.punches()
    assert alarms.EVIDENCE_FAILING in life.alarms
    assert str(gate.directory / "evidence.pem") in caplog.text
    assert smartclocker("central", "evidence", "key", gate.directory / "evidence").returncode == 0
    life.wait(lambda: alarms.EVIDENCE_FAILING not in life.alarms, "it is read again")


def test_without_a_coming_model(gate, live, caplog) -> None:
    gate.write(f'[recognition]\nshadow = "{gate.directory / "none"}"')
    life = live(gate)
    life.punches()
    assert alarms.SHADOW_FAILING in life.alarms
    assert "the coming model learns nothing" in caplog.text


def test_without_its_policy_nobody_is_recognised_and_badges_go_on(gate, live) -> None:
    policy = gate.directory / "policy.md"
    policy.rename(gate.directory / "away")
    life = live(gate)
    assert alarms.FACES_FAILING in life.alarms
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
    assert alarms.FACES_FAILING in life.alarms
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
