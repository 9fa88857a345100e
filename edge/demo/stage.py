"""The stage of the demo: a private broker with TLS, a ledger, and one whole terminal in front of a scene.

Everything is the product's own: only the camera's scene is ours to direct.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from edge import config
from edge.adapters.linux.sd_notify import notifier_from
from edge.adapters.replay.camera import ReplayCamera, Scene
from edge.adapters.replay.console_signals import ConsoleSignals
from edge.central.broker.mosquitto import EmbeddedBroker
from edge.central.embedded import EmbeddedCentre, embedded_centre
from edge.config_schema import Config
from edge.crypto import key_files
from edge.domain.attendance.cues import Cue, CueName, Lights
from edge.errors import SmartClockerError
from edge.resources import photos_directory
from edge.sandbox import write_terminal
from edge.terminal.daemon import Terminal

SITE, TERMINAL = "demo", "entrance-1"
WINDOW_S = 4.0
"""The demo's duplicate window, in seconds: with a minute the demo would be long."""
_QUIET = frozenset({CueName.STARTING, CueName.IDLE, CueName.LOOKING})


class WatchedSignals:
    """The console's lights, with a memory of cues and their times for the story to wait on."""

    def __init__(self, console: ConsoleSignals) -> None:
        self._console = console
        self._changed = threading.Condition()
        self._seen: list[CueName] = []

    def announce(self, cue: Cue) -> None:
        """Draw the cue and remember it."""
        self._console.announce(cue)
        with self._changed:
            self._seen.append(cue.name)
            self._changed.notify_all()

    def apply(self, lights: Lights) -> None:
        """Pass the call on."""
        self._console.apply(lights)

    def close(self) -> None:
        """Pass the call on."""
        self._console.close()

    def mark(self) -> int:
        """Number of cues so far."""
        with self._changed:
            return len(self._seen)

    def wait(self, since: int, timeout_s: float) -> CueName | None:
        """The first answer (not idle, looking or starting) after `since`; None when none came in time."""

        def answer() -> CueName | None:
            return next((name for name in self._seen[since:] if name not in _QUIET), None)

        with self._changed:
            self._changed.wait_for(lambda: answer() is not None, timeout_s)
            return answer()

    def wait_for_idle(self, timeout_s: float) -> bool:
        """Wait until the last cue is IDLE."""
        with self._changed:
            return self._changed.wait_for(lambda: self._seen[-1:] == [CueName.IDLE], timeout_s)


@dataclass
class Stage:
    """Everything that runs during the demo."""

    directory: Path
    loaded: config.Loaded
    centre: EmbeddedCentre
    scene: Scene
    signals: WatchedSignals
    terminal: Terminal | None = None
    exit_code: int | None = None
    _thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def config(self) -> Config:
        """Configuration of the terminal."""
        return self.loaded.config

    @property
    def ledger_db(self) -> Path:
        """Path of the ledger's file."""
        return self.centre.ledger_db

    @property
    def broker(self) -> EmbeddedBroker:
        """The broker, to be killed and started again."""
        return self.centre.broker

    def start_terminal(self) -> None:
        """Start the terminal on a thread of its own. Raises SmartClockerError when it does not come up."""
        self.terminal = terminal = Terminal(
            self.config,
            notifier=notifier_from(os.environ),
            camera=ReplayCamera(self.scene, fps=self.config.camera.fps),
            signals=self.signals,
        )

        def live() -> None:
            self.exit_code = terminal.run()

        self._thread = threading.Thread(target=live, name="terminal")
        self._thread.start()
        if not self.signals.wait_for_idle(20):
            raise SmartClockerError("the terminal did not become ready in 20 s; its log above says why")

    def stop_terminal(self) -> int:
        """End it as SIGTERM would; its exit code."""
        if self.terminal is not None and self._thread is not None:
            self.terminal.stop.set("the demo is over")
            self._thread.join(10)
        return 70 if self.exit_code is None else self.exit_code


@contextmanager
def raise_stage(directory: Path, out: TextIO) -> Iterator[Stage]:
    """Build the stage in `directory`, and take it down again; the files stay. Raises SmartClockerError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    logging.getLogger("edge").setLevel(logging.CRITICAL)  # the story tells it; a real terminal logs it
    with ExitStack() as stack:
        centre = stack.enter_context(embedded_centre(directory, SITE, (TERMINAL,)))
        loaded = _write_terminal(directory, centre)
        centre.register(TERMINAL, key_files.load_identity(directory / "terminal/identity").verify_key)
        stage = Stage(directory, loaded, centre, Scene(), WatchedSignals(ConsoleSignals(out, hidden=_QUIET)))
        stack.callback(stage.stop_terminal)
        yield stage


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Ask 20 times a second until it is true; False when that took too long."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _write_terminal(directory: Path, centre: EmbeddedCentre) -> config.Loaded:
    replay = photos_directory()  # named in the file for whoever runs it later; the demo's scene takes its place
    access = centre.access(TERMINAL)
    base = directory / "terminal"
    return config.load(write_terminal(base, replay, site=SITE, name=TERMINAL, window_s=WINDOW_S, centre=access))
