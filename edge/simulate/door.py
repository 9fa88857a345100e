"""One door of the simulated site: a whole terminal, whose camera, lights and reader are a page."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from edge.adapters.browser.buttons import BrowserButtons
from edge.adapters.browser.camera import BrowserCamera
from edge.adapters.browser.reader import BrowserReader
from edge.adapters.browser.signals import BrowserSignals
from edge.adapters.linux.sd_notify import notifier_from
from edge.adapters.replay.scene import Scene
from edge.config_schema import Config
from edge.domain.attendance.cues import CueName
from edge.domain.face import Pixels
from edge.errors import SmartClockerError
from edge.simulate.enrolment.director import Director
from edge.simulate.events import PageEvents
from edge.simulate.journal_trouble import JournalTrouble
from edge.simulate.sample_people import SamplePerson
from edge.terminal import installed
from edge.terminal.daemon import Terminal

_log = logging.getLogger(__name__)
END_S = 10.0
"""Seconds in which a terminal ends, its loops and its connection to the broker."""


@dataclass(frozen=True)
class Devices:
    """The devices of one run of a terminal. Lights that were closed stay closed; an open box stays open."""

    camera: BrowserCamera
    signals: BrowserSignals
    reader: BrowserReader
    buttons: BrowserButtons


class Door:
    """A terminal that can be switched off and on again. Any thread may call it."""

    def __init__(self, title: str, config: Config, events: PageEvents) -> None:
        """`title` is what people call the door."""
        self.title, self.config, self._events = title, config, events
        self.scene = Scene((config.camera.width, config.camera.height))
        self.director = Director(self.scene)
        self.ready = threading.Event()
        """Set while the terminal takes punches, or says that it cannot."""
        self._journal_trouble = JournalTrouble(installed.journal_path(config))
        self._lock, self._standing = threading.Lock(), threading.Lock()
        self._buttons = BrowserButtons()
        self._devices = self._new_devices()
        self._terminal: Terminal | None = None
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """The name of the terminal."""
        return self.config.terminal.name

    @property
    def devices(self) -> Devices:
        """The devices of the present run, or of the last one."""
        return self._devices

    @property
    def terminal(self) -> Terminal | None:
        """The terminal; None while it is off."""
        return self._terminal

    def switch_on(self) -> None:
        """Start the terminal, if it is off. Returns at once; `ready` tells when it attends."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._devices = self._new_devices()
            self._thread = threading.Thread(target=self._live, name=self.name)
            self.tell("power", {"on": True, "problem": None})
            self._thread.start()

    def wait_until_ready(self, seconds: float) -> bool:
        """Wait until the terminal attends; False when it does not come so far, or that takes too long."""
        deadline = time.monotonic() + seconds
        while not self.ready.wait(0.05):
            thread = self._thread
            if time.monotonic() > deadline or thread is None or not thread.is_alive():
                return False
        return True

    def switch_off(self) -> None:
        """End the terminal as SIGTERM would, if it is on; returns when it has ended."""
        self.hold_journal(False)
        with self._lock:
            terminal, thread = self._terminal, self._thread
            if thread is None:
                return
            self.wait_until_ready(END_S)  # one that is being made cannot be stopped
            terminal = self._terminal
            if terminal is not None:
                terminal.stop.set("switched off")
            thread.join(END_S)

    def put_there(
        self, photo: Pixels | None, person: SamplePerson | None = None, *, gain: float = 1.0, blur: float = 0.0
    ) -> None:
        """Put a photograph before the camera, or nobody; `person` may be directed during an enrolment."""
        with self._standing:
            self.director.stands(None)  # first: whom it directs until now must not come back after this photograph
            if photo is None:
                self.scene.clear()
            else:
                self.scene.show(photo, gain=gain, blur=blur)
            self.director.stands(person)

    def hold_journal(self, held: bool) -> None:
        """Keep the terminal from recording anything, or let it record again. Raises JournalError."""
        if held:
            self._journal_trouble.hold()
        else:
            self._journal_trouble.let_go()
        self.tell("journal", {"held": held})

    def tell(self, topic: str, message: Mapping[str, object]) -> None:
        """Tell the pages something about this door; a cue with the state to which it belongs."""
        if topic == "cue":
            terminal = self._terminal
            state = "starting" if terminal is None else str(terminal.attend.situation.state)
            if message["name"] != CueName.STARTING:
                self.ready.set()
            message = {**message, "state": state}
        self._events.tell(topic, message, self.name)

    def _new_devices(self) -> Devices:
        camera = BrowserCamera(self.scene, fps=self.config.camera.fps)
        return Devices(camera, BrowserSignals(self.tell), BrowserReader(), self._buttons)

    def _live(self) -> None:
        problem: str | None = None
        devices = self._devices
        try:
            self._terminal = Terminal(
                self.config,
                notifier=notifier_from({}),
                camera=devices.camera,
                signals=devices.signals,
                reader=devices.reader,
                buttons=devices.buttons,
            )
            code = self._terminal.run()
            if code:
                problem = f"the terminal has ended with exit code {code}; the log where it was started says why"
        except SmartClockerError as error:
            problem = str(error)
        finally:
            self._terminal = None
            self.ready.clear()
            if problem is not None:
                _log.error("%s: %s", self.name, problem)
            self.tell("power", {"on": False, "problem": problem})
