"""The demo's story: who comes when, and which cue must answer."""

import time
from dataclasses import dataclass
from typing import TextIO

from edge.demo.stage import WINDOW_S, Stage, wait_until
from edge.domain.attendance.cues import CUES, CueName
from edge.domain.people.consent import Consent
from edge.domain.plural import counted
from edge.resources import photos_directory
from edge.terminal import adapters, factory, installed
from edge.terminal.operator import enrolment
from edge.terminal.operator.probes import probes_from_photographs
from edge.terminal.uplink.publisher import Publisher
from edge.vision.photo import load_photo

PATIENCE_S = 60.0
"""Seconds to wait for what is sure to come, on a busy machine."""
ANSWER_S = 12.0
"""Seconds in which an act must get its cue; a refusal takes the longest."""
AWAY_S = 1.2
"""Seconds after which the terminal sees that nobody is there."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person in front of the camera."""

    photo: str
    blur: float = 0.0
    """Gaussian radius in pixels of the frame."""
    gain: float = 1.0
    """Factor of the light; 1 is the photograph's own light."""


def tell(stage: Stage, unexpected: list[str], out: TextIO) -> int:
    """Play every act; cues that did not come as expected are added to `unexpected`. Returns the number of
    punches.
    """
    teller = _Teller(stage, unexpected, out)
    teller.say("Two people enrol, each with a witnessed consent.")
    teller.enrol("Barack", ["obama.jpg", "obama2.jpg"])
    teller.enrol("Joe", ["biden.jpg"])
    stage.start_terminal()
    barack, joe, stranger = Visitor("obama3.jpg"), Visitor("biden.jpg"), Visitor("astronaut.png")
    teller.act("Barack walks up.", barack, CueName.IN)
    teller.act("He comes back within the window.", barack, CueName.ALREADY_IN)
    teller.act("Joe walks up.", joe, CueName.IN)
    teller.later()
    teller.act("Later, Barack leaves.", barack, CueName.OUT)
    teller.act("A stranger tries.", stranger, CueName.REFUSED)
    teller.act("Joe runs past: a blurred face.", Visitor("biden.jpg", blur=9.0), CueName.HOLD_STILL)
    teller.act("The lamp is out: a dark face.", Visitor("obama3.jpg", gain=0.1), CueName.LIGHT)
    teller.say("The broker is killed. Nobody at the terminal notices.")
    stage.broker.kill()
    teller.later()
    teller.act("Joe leaves, offline.", joe, CueName.OUT)
    teller.pending()
    teller.say("The broker returns.")
    stage.broker.start()
    teller.delivered()
    teller.act("Barack comes back.", barack, CueName.IN)
    teller.delivered()
    return 5


class _Teller:
    def __init__(self, stage: Stage, unexpected: list[str], out: TextIO) -> None:
        self._stage, self._unexpected, self._out = stage, unexpected, out
        self._last_punch = time.monotonic()

    def say(self, line: str) -> None:
        self._out.write(f"\n{line}\n")
        self._out.flush()

    def enrol(self, name: str, photos: list[str]) -> None:
        config = self._stage.config
        secrets, policy, clock = installed.load_secrets(config), installed.policy(config), adapters.clock()
        consent = Consent(policy.version, policy.sha256, "en", clock.evidence().utc, "demo witness", True, True)
        pipeline = factory.pipeline(config, installed.model_store(config), enrolling=True)
        pictures = [(photo, load_photo(photos_directory() / photo)) for photo in photos]
        self._stage.signals.announce(CUES[CueName.ENROLLING])
        probes = probes_from_photographs(pictures, pipeline)
        with installed.open_people(config, secrets) as people, installed.open_journal(config, secrets) as journal:
            made = enrolment.enrol(name, probes, consent, policy, people=people, journal=journal, clock=clock)
        templates = counted(made.templates, "template")
        self._note(f"{name}: consent recorded, {templates}, known to records as {made.person[:8]}…")

    def act(self, line: str, look: Visitor, expected: CueName) -> None:
        stage = self._stage
        self.say(line)
        mark = stage.signals.mark()
        photo = load_photo(photos_directory() / look.photo)
        stage.scene.show(photo, blur=look.blur, gain=look.gain)
        came = stage.signals.wait(mark, ANSWER_S)
        if came is not expected:
            self._unexpected.append(f"{line} expected {expected}, came {came or 'nothing'}")
        if expected in {CueName.IN, CueName.OUT}:
            self._last_punch = time.monotonic()
        stage.scene.clear()
        time.sleep(AWAY_S)
        if not stage.signals.wait_for_idle(PATIENCE_S):
            self._unexpected.append(f"{line} the terminal did not become idle again")

    def later(self) -> None:
        """Wait until the duplicate window has passed."""
        time.sleep(max(0.0, self._last_punch + WINDOW_S + 0.5 - time.monotonic()))

    def pending(self) -> None:
        publisher = self._publisher
        if not wait_until(lambda: not publisher.connected, PATIENCE_S):
            self._unexpected.append("the terminal did not notice that the broker is gone")
        head, watermark = self._marks()
        waiting = counted(head - watermark, "record")
        self._note(f"offline: {waiting} on the terminal, signed and on its disk")
        if head == watermark:
            self._unexpected.append("nothing waited while the broker was away")

    def delivered(self) -> None:
        def all_receipted() -> bool:
            head, watermark = self._marks()
            return head == watermark

        began = time.monotonic()
        if wait_until(all_receipted, PATIENCE_S):
            self._note(f"every record is receipted, {time.monotonic() - began:.1f} s later")
        else:
            self._unexpected.append(f"the records were not receipted within {PATIENCE_S:g} s")

    @property
    def _publisher(self) -> Publisher:
        terminal = self._stage.terminal
        publisher = None if terminal is None or terminal.centre is None else terminal.centre.publisher
        if publisher is None:
            raise RuntimeError("the terminal has not been started")
        return publisher

    def _marks(self) -> tuple[int, int]:
        config = self._stage.config
        with installed.open_journal(config, installed.load_secrets(config)) as journal:
            return journal.head().seq, journal.watermark()

    def _note(self, text: str) -> None:
        self._out.write(f"          {text}\n")
        self._out.flush()
