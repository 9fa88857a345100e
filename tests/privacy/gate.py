"""A terminal of the company: its directory as it is installed, and its parts as the daemon puts them together.

One gate runs the whole daemon in front of a scene of photographs. The others run the daemon's publisher on a thread
and its attending loop by hand, with a scripted pipeline: it shows the loop an embedding in place of a picture.
"""

import io
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge import config
from edge.adapters.linux.sd_notify import notifier_from
from edge.adapters.replay.camera import ReplayCamera, Scene
from edge.adapters.replay.console_signals import ConsoleSignals
from edge.crypto import dsse
from edge.demo.stage import WatchedSignals
from edge.domain.attendance.cues import CueName
from edge.domain.face import Box, Floats, Frame, Probe, Sight
from edge.domain.people.credentials import Read, Token
from edge.domain.protocol.record import Record, decode
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.resources import photos_directory
from edge.sandbox import SandboxCentre, write_terminal
from edge.terminal import adapters, factory, installed
from edge.terminal.attendance.attend_loop import Attend
from edge.terminal.attendance.capture import Pace
from edge.terminal.attendance.cue_player import CuePlayer
from edge.terminal.daemon import Terminal
from edge.terminal.runtime.latency import Latency
from edge.terminal.runtime.workers import LatestSlot
from edge.terminal.site.hearing import SiteHearing
from edge.terminal.uplink.publisher import Publisher
from edge.vision.photo import load_photo
from tests.privacy.clock import StoryClock

SITE = "works"
WINDOW_S = 2.0
_STEP_MS, _LOOKS = 300, 12
"""Between two looks, and how many somebody stands there for: longer than the loop waits before it refuses."""


class Gate:
    """One terminal. Every connection that it hands out belongs to the calling thread."""

    def __init__(self, directory: Path, name: str, centre: SandboxCentre, authority: Path, more: str = "") -> None:
        """`more` goes at the end of its configuration."""
        self.name, self.directory = name, directory
        path = write_terminal(directory, photos_directory(), site=SITE, name=name, window_s=WINDOW_S, centre=centre)
        text = path.read_text(encoding="utf-8").replace("[keys]\n", f'[keys]\nauthority = "{authority}"\n')
        path.write_text(text + more, encoding="utf-8")
        self.path = path
        self.loaded = config.load(path).config
        self.secrets = installed.load_secrets(self.loaded)
        self.policy = installed.policy(self.loaded)
        self.origin = installed.origin(self.loaded)
        self.embedder = installed.model_store(self.loaded).template.id
        self.clock = StoryClock()

    @property
    def state(self) -> Path:
        """Where everything is that the terminal keeps."""
        return self.directory / "state"

    def people(self) -> People:
        """The people file."""
        return installed.open_people(self.loaded, self.secrets)

    def journal(self) -> Journal:
        """The journal."""
        return installed.open_journal(self.loaded, self.secrets)

    def matched(self) -> set[str]:
        """Whom a face would be compared with."""
        with self.people() as people:
            return set(people.gallery(self.embedder, self.policy).people)

    def records(self) -> list[Record]:
        """The journal, from its first record."""
        with self.journal() as journal:
            return [decode(dsse.parse(one.wire).payload) for one in journal.envelopes(0, 100_000)]

    def punches(self) -> list[str]:
        """Who punched, in order."""
        return [str(one.data["person"]) for one in self.records() if one.kind == "punch"]

    def start(self) -> None:
        """Begin to attend and to publish."""
        raise NotImplementedError

    def stop(self) -> None:
        """End; safe to call twice."""
        raise NotImplementedError


class Driven(Gate):
    """Attends when the story says so, to whom the story says."""

    _publisher: Publisher | None = None
    _thread: threading.Thread | None = None
    _attend: Attend | None = None

    def start(self) -> None:
        """The publisher on a thread, the attending loop opened on this one."""
        uplink = adapters.uplink(self.loaded)
        if uplink is None:
            raise RuntimeError("this gate has a centre")
        hearing = SiteHearing()
        roster = factory.roster(self.loaded, self.secrets, self.clock, installed.policy(self.loaded))
        self._publisher = publisher = Publisher(
            uplink, self.journal, self.origin, self.secrets.ledger, self.clock, resend_s=2.0,
            orders=factory.orders(self.loaded, self.secrets, self.clock, installed.policy(self.loaded)),
            roster=roster, site=factory.site_records(self.loaded, self.secrets, self.clock, roster, hearing),
        )  # fmt: skip
        self._stopping = threading.Event()

        def live() -> None:
            publisher.open()
            while not self._stopping.is_set():
                publisher.run_once(0.2)
            publisher.close()

        self._thread = threading.Thread(target=live, name=self.name, daemon=True)
        self._eyes = Eyes(self.embedder)
        self._slot: LatestSlot[Frame] = LatestSlot()
        self._reads: queue.SimpleQueue[Read] = queue.SimpleQueue()
        player = CuePlayer(ConsoleSignals(io.StringIO()), self.clock.monotonic_ns)
        rules = factory.rules(self.loaded, installed.model_store(self.loaded))
        self._attend = Attend(
            self._slot, self._reads, self.journal, self.people,
            *factory.recognition(self.loaded, rules, self._eyes, Pace()),
            player, self.clock, rules, Latency(), publisher.wake,
            site=factory.site_knowledge(self.loaded, hearing),
        )  # fmt: skip
        self._attend.open()
        self._thread.start()

    def stop(self) -> None:
        """Off the network, and out of service."""
        if self._thread is not None and self._publisher is not None and self._attend is not None:
            self._stopping.set()
            self._publisher.wake()
            if self._thread.ident is not None:
                self._thread.join(120)
            self._attend.close()
            self._thread = self._publisher = self._attend = None

    @property
    def running(self) -> bool:
        """Whether its publisher lives."""
        return self._thread is not None and self._thread.is_alive()

    def offer(self, face: Floats) -> str:
        """Somebody stands before it and goes again: punch, suppressed, a refusal's reason, or nothing."""
        return self._meet([face] * _LOOKS, [])

    def present(self, *reads: tuple[Token, str]) -> str:
        """Somebody holds a badge to the reader, or types a staff number and a PIN; as `offer`."""
        return self._meet([], [Read(kind, text) for kind, text in reads])

    def _meet(self, seen: list[Floats], reads: list[Read]) -> str:
        if self._attend is None:
            raise RuntimeError("this gate is not running")
        self.clock.hurry(90)  # nobody remembers the last one, and no pause of faces is left
        tally = self._attend.tally
        before = (tally.punches, tally.suppressed, dict(tally.refused), tally.badges_refused)
        for face in (None, *seen, None):
            self._turn(face)
        for read in reads:
            self._reads.put(read)
            self._turn(None)
        if tally.punches > before[0]:
            return "punch"
        if tally.suppressed > before[1]:
            return "suppressed"
        more = [str(word) for word, count in tally.refused.items() if count > before[2].get(word, 0)]
        return more[0] if more else "refused" if tally.badges_refused > before[3] else "nothing"

    def _turn(self, face: Floats | None) -> None:
        self._eyes.face = face
        self.clock.hurry(_STEP_MS / 1000)
        self._slot.put(Frame(np.zeros((2, 2, 3), np.uint8), self.clock.monotonic_ns()))
        if self._attend is not None:
            self._attend.run_once()


class Eyes:
    """A pipeline that is told what it sees; everything behind it is the terminal's own."""

    def __init__(self, embedder_id: str) -> None:
        self.embedder_id, self.model_ids = embedder_id, (embedder_id,)
        self.face: Floats | None = None

    def look(self, frame: Frame) -> Sight:
        """A good, live face with this embedding, or nobody."""
        if self.face is None:
            return Sight(frame.captured_ns)
        box = Box(200, 120, 420, 380)
        return Sight(frame.captured_ns, box, None, Probe(self.face, self.embedder_id, 1.0, 1.0))


class Whole(Gate):
    """The daemon, on a thread, with the replay camera."""

    _terminal: Terminal | None = None

    def start(self) -> None:
        """Until it is ready. Raises RuntimeError when it does not come up."""
        self.scene = Scene()
        self.signals = WatchedSignals(ConsoleSignals(io.StringIO()))
        self._terminal = Terminal(
            self.loaded, notifier=notifier_from({}), camera=ReplayCamera(self.scene, fps=10), signals=self.signals,
            clock=self.clock,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._terminal.run, name=self.name, daemon=True)
        self._thread.start()
        if not self.signals.wait_for_idle(300):
            raise RuntimeError(f"{self.name} did not become ready")

    def stop(self) -> None:
        """As SIGTERM would."""
        if self._terminal is not None:
            self._terminal.stop.set("the day is over")
            self._thread.join(120)
            self._terminal = None

    def show(self, photo: str, within_s: float = 120.0) -> CueName | None:
        """Somebody walks up and leaves: the cue that answered, None for none."""
        mark = self.signals.mark()
        self.scene.show(load_photo(photos_directory() / photo))
        came = self.signals.wait(mark, within_s)
        self.scene.clear()
        self.signals.wait_for_idle(120)
        threading.Event().wait(1.2)
        return came


Maker = Callable[[Path, str, SandboxCentre, Path], Gate]
