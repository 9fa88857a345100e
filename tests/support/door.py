"""A terminal's door, frame by frame against a real journal: who stands there is told, not recognised."""

import io
import queue
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge import config
from edge.adapters.replay.console_signals import ConsoleSignals
from edge.domain.attendance.cues import CueName
from edge.domain.attendance.presses import Contact, ContactChange
from edge.domain.face import Box, Floats, Frame, Probe, Sight
from edge.domain.people.credentials import Read, Token
from edge.domain.protocol.record import Record, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import Button
from edge.people.person import new_person_id
from edge.sandbox import write_terminal
from edge.terminal import factory, installed
from edge.terminal.attendance.attend_loop import Attend
from edge.terminal.attendance.capture import Pace
from edge.terminal.attendance.cue_player import CuePlayer
from edge.terminal.runtime.latency import Latency
from edge.terminal.runtime.look_timer import LookTimer
from edge.terminal.runtime.workers import LatestSlot
from tests.support.clock import HandClock
from tests.support.people import consent

ANN, STRANGER, BOB = (row for row in np.eye(3, 8, dtype=np.float32))
BOX = Box(200, 100, 380, 320)
STEP_MS = 100
NOISE = [np.full((480, 640, 3), grey, np.uint8) for grey in (0, 200)]


class Eyes:
    """In place of the models: told whose face is there. A look at a face takes `look_s` on the test's clock."""

    def __init__(self, embedder_id: str, clock: HandClock) -> None:
        self.embedder_id, self.model_ids = embedder_id, (embedder_id,)
        self.who: Floats | None = None
        self.look_s, self._clock = 0.0, clock

    def look(self, frame: Frame) -> Sight:
        if self.who is None:
            return Sight(frame.captured_ns)
        self._clock.passes(self.look_s)
        return Sight(frame.captured_ns, BOX, None, Probe(self.who, self.embedder_id, 0.99, 0.9))


class Door:
    """A terminal at which one person is enrolled, with a badge; with buttons a second one, who has a PIN, too."""

    def __init__(
        self,
        directory: Path,
        photos: Path,
        mode: str = "face",
        window_s: float = 1.0,
        *,
        buttons: bool = False,
        ask: bool = False,
    ) -> None:
        """`ask`: nothing may be guessed, a press says what a punch means."""
        path = write_terminal(directory, photos, window_s=window_s)
        path.write_text(
            path.read_text() + f'\n[recognition]\nmode = "{mode}"\n\n[reader]\nkind = "script"\nscript = "r"\n'
        )
        loaded = config.load(path).config
        secrets, policy = installed.load_secrets(loaded), installed.policy(loaded)
        self.clock = HandClock()
        self.eyes = Eyes(installed.model_store(loaded).template.id, self.clock)
        self.policy = policy
        self.consent = consent(policy)
        installed.open_journal(
            loaded, secrets
        ).close()  # first: people without a journal are a journal that is gone
        with installed.open_people(loaded, secrets) as people:
            self.ann = new_person_id()
            people.enrol(self.ann, "Ann", self.consent, policy, ANN[None], self.eyes.embedder_id)
            people.credentials.give(self.ann, Token.BADGE, "4711")
            self.bob = new_person_id()
            if buttons:
                people.enrol(self.bob, "Bob", self.consent, policy, BOB[None], self.eyes.embedder_id)
                people.credentials.give(self.bob, Token.BADGE, "4712")
                people.credentials.give(self.bob, Token.NUMBER, "77002")
                people.credentials.set_pin(self.bob, "271828")
        rules = factory.rules(loaded, installed.model_store(loaded))
        rules = replace(rules, direction=replace(rules.direction, ask=ask))
        self.changes: queue.SimpleQueue[tuple[ContactChange, int]] = queue.SimpleQueue()
        self.slot: LatestSlot[Frame] = LatestSlot()
        self.reads: queue.SimpleQueue[Read] = queue.SimpleQueue()
        self.attend = Attend(
            self.slot, self.reads, lambda: installed.open_journal(loaded, secrets),
            lambda: installed.open_people(loaded, secrets),
            *factory.recognition(
                loaded, rules, self.eyes, Pace(), timer=LookTimer(now_ns=self.clock.monotonic_ns)
            ),
            CuePlayer(ConsoleSignals(io.StringIO()), self.clock.monotonic_ns), self.clock, rules, Latency(),
            lambda: None, changes=self.changes if buttons else None,
        )  # fmt: skip
        self.attend.open()

    def show(self, who: Floats | None, ms: int, step_ms: int = STEP_MS) -> None:
        for number in range(ms // step_ms):
            self.clock.passes(step_ms / 1000)
            self.eyes.who = who
            # Noise: an empty room that does not change is not searched.
            noise = NOISE[number % 2]
            self.slot.put(Frame(noise, self.clock.monotonic_ns()))
            self.attend.run_once()

    def change(self, contact: Contact, active: bool) -> None:
        """A contact changes now."""
        self.changes.put((ContactChange(contact, active), self.clock.ms))

    def press(self, button: Button) -> None:
        """Somebody presses a button for a tenth of a second; the loop does not run meanwhile."""
        self.change(Contact(button), True)
        self.clock.passes(0.1)
        self.change(Contact(button), False)

    @property
    def cue(self) -> CueName:
        """What the lights show."""
        return self.attend._situation.cue

    def records(self) -> list[Record]:
        """All records but the boot."""
        rows = self.attend._journal._db.execute("SELECT payload FROM records ORDER BY seq")
        return [one for one in (decode(row[0]) for row in rows) if one.kind != Kind.BOOT]

    def punches(self) -> int:
        return self.attend.tally.punches + self.attend.tally.suppressed
