"""The service's life: ready, fed while frames flow, starved when they stop, clean and quick at the end."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge import config
from edge.adapters.linux.sd_notify import SilentNotifier, notifier_from
from edge.adapters.replay.camera import ReplayCamera, Scene
from edge.adapters.replay.console_signals import ConsoleSignals
from edge.domain.attendance.cues import DARK
from edge.domain.face import Frame, Sight
from edge.errors import CameraError
from edge.journal.verify import read_payloads
from edge.sandbox import write_terminal
from edge.terminal import daemon, installed
from edge.terminal.attendance import attend_loop
from edge.terminal.daemon import Terminal
from edge.terminal.outbox import operator_lock
from edge.terminal.runtime.alarms import Alarm
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

EXAMPLE = Path(__file__).resolve().parents[2] / "provisioning/config.example.toml"


def from_the_example(directory: Path, photos: Path) -> Path:
    """The annotated example with the few lines changed that make it a laptop's."""
    write_terminal(directory, photos)
    text = EXAMPLE.read_text()
    for old, new in [
        ('# kind = "pi" ', 'kind = "replay" '),
        ('# replay = ""', f'replay = "{photos}"'),
        ('# kind = "gpio"', 'kind = "console"'),
        ('# state = "/var/lib/smartclocker"', 'state = "state"\nvolatile = true'),
        ('# identity = "credential:identity"', 'identity = "identity"'),
        ('# storage = "credential:storage"', 'storage = "storage"'),
        ('text = "privacy-policy.md"', 'text = "policy.md"'),
    ]:
        assert old in text, old
        text = text.replace(old, new)
    text = text[: text.index("[uplink]")]
    (directory / "config.toml").write_text(text)
    return directory / "config.toml"


def test_ready_then_fed_then_a_clean_end(tmp_path, photos, notify, monkeypatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    path = from_the_example(tmp_path / "terminal", photos)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.program", "run", "--config", str(path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        assert notify.wait_for("READY=1", 120)
        for _ in range(4):
            assert notify.wait_for("WATCHDOG=1", 120), "the watchdog must be fed"
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0, "a loop that does not end within its bound would give 1"
        assert notify.wait_for("STOPPING=1", 120)
    finally:
        process.kill()
        process.wait()


class Life:
    """A terminal in this process, with a scene to direct."""

    def __init__(self, path: Path) -> None:
        self.scene = Scene()
        self.drawn = io.StringIO()
        self.signals = ConsoleSignals(self.drawn)
        self.notifier = notifier_from(os.environ)
        self.terminal = Terminal(
            config.load(path).config,
            notifier=self.notifier,
            camera=ReplayCamera(self.scene),
            signals=self.signals,
        )
        self.code: int | None = None
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def _live(self) -> None:
        self.code = self.terminal.run()

    def end(self, within: float = 300.0) -> int | None:
        self.terminal.stop.set("test")
        self._thread.join(within)
        assert not self._thread.is_alive(), f"still running after {within} s"
        self.notifier.close()
        return self.code


@pytest.fixture
def life(site, notify, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    alive = Life(site.config)
    yield alive
    alive.end()


def test_a_stalled_camera_starves_the_watchdog_and_says_out_of_service(life, notify) -> None:
    assert notify.wait_for("READY=1", 120)
    assert notify.wait_for("WATCHDOG=1", 120)
    life.scene.stall(True)
    deadline = time.monotonic() + 300
    while notify.wait_for("WATCHDOG=1", 2.0):  # its limit: past it, systemd would end the process
        assert time.monotonic() < deadline, "still fed without frames"
    deadline = time.monotonic() + 300
    while "OUT OF SERVICE" not in life.drawn.getvalue():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    life.scene.stall(False)
    assert notify.wait_for("WATCHDOG=1", 120), "fed again once frames flow"
    assert life.end() == 0
    assert life.signals.lights == DARK


def test_a_slow_look_is_no_hang_and_a_look_that_hangs_starves_the_watchdog(life, notify, monkeypatch) -> None:
    looking, leave, look = threading.Event(), threading.Event(), Pipeline.look

    def held(self: Pipeline, frame: Frame) -> Sight:
        looking.set()
        leave.wait(300)
        return look(self, frame)

    assert notify.wait_for("READY=1", 120)
    attending = next(worker for worker in life.terminal._workers if worker.name == "attend")
    attending._stale_after_s = 0.5
    monkeypatch.setattr(Pipeline, "look", held)
    try:
        assert looking.wait(120)
        time.sleep(1.0)  # longer than a turn may take
        while notify.wait_for("WATCHDOG=1", 0.01):
            pass  # those from before
        assert notify.wait_for("WATCHDOG=1", 120), "a look may take longer"
        life.terminal._looking._longest_s = 0.0
        deadline = time.monotonic() + 300
        while notify.wait_for("WATCHDOG=1", 2.0):  # its limit: past it, systemd would end the process
            assert time.monotonic() < deadline, "still fed although the look hangs"
        life.terminal._looking._longest_s, attending._stale_after_s = 60.0, 60.0
    finally:
        leave.set()
    assert notify.wait_for("WATCHDOG=1", 120)
    assert life.end() == 0


def test_where_a_look_takes_over_a_second_people_punch_and_an_alarm_says_why_it_lasts(
    site, enrol, photos, notify, monkeypatch
) -> None:
    look = Pipeline.look

    def slow(self: Pipeline, frame: Frame) -> Sight:
        sight = look(self, frame)
        if sight.probe is not None:
            time.sleep(1.2)
        return sight

    enrol(site, "obama.jpg", "obama2.jpg")
    monkeypatch.setattr(Pipeline, "look", slow)
    alive = Life(site.config)
    try:
        assert notify.wait_for("READY=1", 120)
        alive.scene.show(load_photo(photos / "obama3.jpg"))
        deadline = time.monotonic() + 300
        while alive.terminal.attend.tally.punches == 0 or Alarm.TOO_SLOW not in alive.terminal.status.alarms:
            assert time.monotonic() < deadline, alive.terminal.attend.tally
            time.sleep(0.05)
    finally:
        alive.end()
    assert "  IN" in alive.drawn.getvalue()


class AwayCamera(ReplayCamera):
    """A camera that is not there, or that is and gives no frame."""

    def __init__(self, *, opens: bool) -> None:
        super().__init__(Scene())
        self._opens = opens

    def open(self) -> None:
        if not self._opens:
            raise CameraError("there is no camera: plug it in")
        super().open()

    def read(self, timeout_s: float) -> None:
        time.sleep(0.05)


@pytest.mark.parametrize("opens", [False, True], ids=["missing", "without-frames"])
def test_while_the_camera_is_away_restarts_leave_no_records_and_never_say_ready(site, monkeypatch, opens) -> None:
    monkeypatch.setattr(daemon, "FIRST_FRAME_S", 0.5)
    journal = Path(config.load(site.config).config.storage.state) / "journal.db"
    drawn = io.StringIO()
    for _ in range(3):
        terminal = Terminal(
            config.load(site.config).config,
            notifier=SilentNotifier(),
            camera=AwayCamera(opens=opens),
            signals=ConsoleSignals(drawn),
        )
        assert terminal.run() == CameraError.exit_code
    assert list(read_payloads(journal, 0)) == []
    assert "starting" in drawn.getvalue()
    assert "ready" not in drawn.getvalue()


def test_whose_consent_ended_a_moment_ago_is_not_punched(site, enrol, photos, notify, monkeypatch) -> None:
    """Not even within the second in which the terminal has not looked at the people file yet."""
    person = enrol(site, "obama.jpg", "obama2.jpg")
    monkeypatch.setattr(attend_loop, "UPKEEP_MS", 10**9)
    alive = Life(site.config)
    try:
        assert notify.wait_for("READY=1", 120)
        loaded = config.load(site.config).config
        with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
            people.withdraw(person, "2027-01-01T00:00:00Z")
        alive.scene.show(load_photo(photos / "obama3.jpg"))
        deadline = time.monotonic() + 300
        while "not recognised" not in alive.drawn.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        assert alive.end() == 0
    assert "  IN" not in alive.drawn.getvalue()
    assert alive.terminal.attend.tally.punches == 0


@pytest.mark.parametrize(("error", "code"), [(CameraError("the cable; mend it"), 74), (ZeroDivisionError(), 70)])
def test_an_exception_in_a_loop_ends_the_process(life, notify, monkeypatch, error, code) -> None:
    assert notify.wait_for("READY=1", 120)

    def fail(at_s: float) -> None:
        raise error

    monkeypatch.setattr(life.scene, "render", fail)
    deadline = time.monotonic() + 300
    while life.code is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert life.code == code
    assert life.signals.lights == DARK


def test_a_stop_in_the_moment_of_ready_is_heard(site, notify) -> None:
    """Twelve times: a handler on the main thread would now and then wait for a lock that it holds itself."""
    for _ in range(12):
        command = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                assert notify.wait_for("READY=1", 120)
                process.terminate()
                assert process.wait(300) == 0
            finally:
                process.kill()


def test_acts_by_hand_go_on_beside_the_running_service(site, enrol, notify) -> None:
    """Its lock is another than theirs: an act does not wait for the service to end."""
    command = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
    service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert notify.wait_for("READY=1", 120)
        with operator_lock.tried(site.directory / "state") as nobody_acts:
            assert nobody_acts
        person = enrol(site, "obama.jpg")
        acts = [sys.executable, "-m", "edge", "people", "withdraw", person, "--config", str(site.config)]
        done = subprocess.run(acts, text=True, capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        assert service.poll() is None
    finally:
        service.kill()
        service.communicate()


def test_a_second_one_on_the_same_state_directory_is_refused_until_the_first_is_gone(site, notify) -> None:
    command = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert notify.wait_for("READY=1", 120)
        before = {path: path.stat().st_mtime_ns for path in (site.directory / "state").glob("journal.db")}
        second = subprocess.run(command, text=True, capture_output=True, timeout=300, check=False)
        assert second.returncode == 75
        assert "a terminal runs on it already; end that one, or leave this one" in second.stderr
        assert {path: path.stat().st_mtime_ns for path in before} == before
        first.kill()
        first.wait(300)
        third = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            assert notify.wait_for("READY=1", 120), "a kill leaves no lock behind"
        finally:
            third.kill()
            third.communicate()
    finally:
        first.kill()
        first.communicate()
