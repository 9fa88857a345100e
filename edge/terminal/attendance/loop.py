"""The way of a punch, all of it: a frame is looked at, a person decided, a record made durable, a cue shown.

Decision, signature, commit and fdatasync are one call stack on this one thread; the accepting cue comes after
them (I1). When the card stalls, frames drop from the slot; a punch never waits in memory. Of a face that does not
punch nothing remains but a counter, and its vector in memory for as long as it may be paused.
"""

import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass, field

from edge import __version__
from edge.domain.attendance.cues import CUES
from edge.domain.attendance.punch_direction import DirectionPolicy
from edge.domain.attendance.states import Event, Fault, Happening, Situation, State, begin, step, tick
from edge.domain.face import Frame, Sight
from edge.domain.people.consent import Policy
from edge.domain.people.credentials import Read
from edge.domain.plural import counted
from edge.domain.protocol.record_kinds import Kind
from edge.domain.recognition.decision import Refused
from edge.domain.vocabulary import Direction, RefusalReason
from edge.errors import JournalDamaged, JournalError, PeopleError
from edge.journal.capacity import Bounds
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal, Stored
from edge.journal.quarantine import mark_suspect
from edge.people.lacking import words
from edge.people.people_store import People
from edge.people.policies import another_text
from edge.ports import Clock
from edge.terminal.attendance import unfinished
from edge.terminal.attendance.credential_check import (
    Answer,
    CredentialCheck,
    CredentialMatched,
    FaceRequired,
    PinRequired,
    Rejected,
    Repeated,
)
from edge.terminal.attendance.cue_player import CuePlayer
from edge.terminal.attendance.face_recognition import Challenged, FaceRecognition, FaceRules
from edge.terminal.attendance.journal_maintenance import JournalMaintenance
from edge.terminal.attendance.punch_recorder import Identified, Puncher, Recorder
from edge.terminal.runtime.alarms import PEOPLE_PUT_BACK, PEOPLE_UNREADABLE, POLICY_TEXT, RECORD_ASIDE
from edge.terminal.runtime.latency import Latency
from edge.terminal.runtime.workers import LatestSlot
from edge.vision.pipeline import Pipeline

LOG = logging.getLogger(__name__)
STALLED_MS = 2_000
"""Without a frame for so long the terminal says that it is out of service."""
UPKEEP_MS = 1_000
"""How often the roster is checked for changes and the journal for its fill."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The policies of this terminal."""

    consent: Policy
    direction: DirectionPolicy
    faces: FaceRules
    bounds: Bounds
    """Of the journal."""
    reader: bool = False
    """Badges are read: without its camera the terminal goes on with them."""


@dataclass(slots=True)
class Tally:
    """Counters for the status; about nobody."""

    punches: int = 0
    suppressed: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    lockouts: int = 0
    """Faces that were paused."""
    badges_refused: int = 0
    evicted: int = 0
    people_unreadable: int = 0
    """Enrolled, but their templates are damaged."""


class Attend:
    """The body of the attend worker; everything but `tally`, `alarms` and `policy` is its thread's."""

    def __init__(
        self,
        slot: LatestSlot[Frame],
        pipeline: Pipeline,
        open_journal: Callable[[], Journal],
        open_people: Callable[[], People],
        player: CuePlayer,
        clock: Clock,
        rules: Rules,
        latency: Latency,
        appended: Callable[[], None],
        faces: FaceRecognition,
        reads: "queue.SimpleQueue[Read]",
        still: Callable[[Stored, Frame, Sight], None] | None = None,
        learn: Callable[[People, Identified, Frame], None] | None = None,
        template_length: int | None = None,
    ) -> None:
        """`appended` is told after each record, so that the uplink need not poll; `reads` is what readers read.

        `still` and `learn` are given the frame of each punch by a face, after its cue; `still` neither waits nor
        raises, `learn` does not raise. `template_length`
        is how many numbers the model makes of a face; without it what most people's templates have counts.
        """
        self._slot, self._pipeline, self._player, self._clock = slot, pipeline, player, clock
        self._open_journal, self._open_people, self._rules = open_journal, open_people, rules
        self._latency, self._appended, self._still, self._learn = latency, appended, still, learn
        self._template_length = template_length
        self._reads, self._faces = reads, faces
        self.tally = Tally()
        self.policy = rules.consent.version
        """The version of the privacy policy in force, for the status."""
        self._unreadable: list[str] = []
        self._aside = self._other_text = self._lacking = 0
        self._faults: frozenset[Fault] = frozenset()
        self._credential_alarms: tuple[str, ...] = ()
        self._warnings: tuple[str, ...] = ()
        now_ms = self._now_ms()
        self._situation = begin(now_ms)
        self._first_seen_ns: int | None = None
        self._frame_ms = self._upkeep_ms = now_ms

    @property
    def alarms(self) -> tuple[str, ...]:
        """Words for the status: why it is out of service, and what will need somebody."""
        unreadable, aside = self.tally.people_unreadable > 0, self._aside > 0
        text = self._other_text > 0
        people = (*(PEOPLE_UNREADABLE,) * unreadable, *(RECORD_ASIDE,) * aside, *(POLICY_TEXT,) * text)
        then = (PEOPLE_PUT_BACK,) * (self._lacking > 0)
        return (
            *sorted(self._faults),
            *self._warnings,
            *self._faces.alarms,
            *self._credential_alarms,
            *people,
            *then,
        )

    def open(self) -> None:
        """Open the journal and the roster on this thread, and record the boot. Raises what they raise."""
        self._show()
        self._journal, self._people = self._open_journal(), self._open_people()
        reserve = Reserve(self._journal.path, self._rules.bounds.max_bytes)
        self._recorder = Recorder(self._journal, reserve, self._clock, self._appended)
        self._puncher = Puncher(self._journal, self._recorder, self._rules.direction)
        self._credential_check = CredentialCheck(self._people.credentials, self._faces.needed)
        self._upkeep = JournalMaintenance(self._journal, reserve, self._rules.bounds)
        self._recorder.owe(Kind.BOOT, {"version": __version__, "models": list(self._pipeline.model_ids)})
        unfinished.finish(self._people, self._journal, self._clock)
        self._load_gallery()
        self._frame_ms = self._now_ms()
        self._happen(Happening(Event.READY))
        self._keep_up()

    def run_once(self) -> bool:
        """Attend to one frame, or to the passing of time. Always progress: a hang is what makes it stale."""
        frame = self._slot.take(0.1)
        now_ms = self._now_ms()
        self._become(tick(self._situation, now_ms))
        if self._situation.state is State.IDLE and Fault.CAMERA_STALLED in self._faults:
            self._happen(Happening(Event.FACES_LOST))
        self._read_badges(now_ms)
        if now_ms - self._upkeep_ms >= UPKEEP_MS:
            self._upkeep_ms = now_ms
            self._keep_up()
        if frame is not None:
            self._frame_ms = now_ms
        elif now_ms - self._frame_ms < STALLED_MS or self._rules.faces.mode == "badge":
            return True
        self._set_fault(Fault.CAMERA_STALLED, frame is None)
        if frame is not None and self._faces_count():
            self._attend(frame, now_ms)
        return True

    def close(self) -> None:
        """Close the journal and the roster."""
        self._faces.site.save()
        for part in ("_journal", "_people"):
            if hasattr(self, part):
                getattr(self, part).close()

    def _faces_count(self) -> bool:
        unseen = self._rules.faces.mode == "badge" or Fault.CAMERA_STALLED in self._faults
        return not unseen and self._situation.state is not State.OUT_OF_SERVICE

    def _attend(self, frame: Frame, now_ms: int) -> None:
        sight, outcome = self._faces.look(frame, now_ms)
        self.tally.lockouts = self._faces.pauses
        if sight.box is None:
            self._first_seen_ns = None
        elif self._first_seen_ns is None:
            self._first_seen_ns = frame.captured_ns
        if isinstance(outcome, Identified):
            outcome = self._at_this_moment(outcome)
        if isinstance(outcome, Identified):
            self._accept(outcome, frame, sight)
        elif isinstance(outcome, Challenged):
            self._happen(Happening(Event.CHALLENGE, side=outcome.side))
        elif outcome is not None and self._situation.state is not State.ASKING:
            self._refuse(outcome.reason, frame.captured_ns)
        elif self._situation.state is State.IDLE and self._faces.present and sight.box is not None:
            self._happen(Happening(Event.FACE))
        elif self._situation.state is State.LOOKING and not self._faces.present:
            self._happen(Happening(Event.FACE_GONE))

    def _accept(self, who: Identified, frame: Frame, sight: Sight) -> None:
        stored = self._punch(who, frame.captured_ns)
        if stored is not None and self._still is not None:
            self._still(stored, frame, sight)
        if stored is not None and self._learn is not None:
            self._learn(self._people, who, frame)

    def _at_this_moment(self, who: Identified) -> Identified | Refused:
        """Whether a face still counts: a consent may have ended since the gallery was made."""
        if self._people.version() != self._roster_version:
            self._load_gallery()
        return who if self._faces.matches(who.person) else Refused(RefusalReason.NOT_RECOGNISED)

    def _read_badges(self, now_ms: int) -> None:
        """At most one a turn; what was read while nothing can be recorded is not kept for later."""
        try:
            read = self._reads.get_nowait()
        except queue.Empty:
            return
        if self._situation.state in {State.STARTING, State.OUT_OF_SERVICE}:
            return
        now_ns = self._clock.monotonic_ns()
        answer: Answer
        try:
            answer = self._credential_check.answer(read, now_ms)
        except PeopleError as error:  # locked for long, or a full disk: who types a PIN then is not let in unproven
            LOG.error("a badge or PIN could not be looked up: %s", error)  # noqa: TRY400 - it says it all
            answer = Rejected()
        self._credential_alarms = self._credential_check.alarms
        if isinstance(answer, Repeated):
            return
        if isinstance(answer, CredentialMatched):
            self._punch(Identified(answer.person, answer.method), now_ns)
        elif isinstance(answer, PinRequired):
            self._happen(Happening(Event.NUMBER))
        elif isinstance(answer, FaceRequired) and self._faces_count():
            self._faces.expect(answer.person, now_ms)
            self._happen(Happening(Event.BADGE))
        else:
            self.tally.badges_refused += 1
            self._answer(Event.REFUSED, None, now_ns, RefusalReason.NOT_RECOGNISED)

    def _punch(self, who: Identified, captured_ns: int) -> Stored | None:
        # durable when it returns one; only then the light
        punched = self._puncher.punch(who)
        if punched is None:
            self._set_fault(Fault.JOURNAL_UNWRITABLE, True)
            return None
        self.tally.punches += punched.kind is Kind.PUNCH
        self.tally.suppressed += punched.kind is Kind.SUPPRESSED and punched.stored is not None
        event = Event.COMMITTED if punched.kind is Kind.PUNCH else Event.SUPPRESSED
        self._answer(event, punched.direction, captured_ns)
        return punched.stored

    def _refuse(self, reason: RefusalReason, captured_ns: int) -> None:
        self.tally.refused[reason] = self.tally.refused.get(reason, 0) + 1
        self._answer(Event.REFUSED, None, captured_ns, reason)

    def _answer(
        self, event: Event, direction: Direction | None, captured_ns: int, reason: RefusalReason | None = None
    ) -> None:
        following = step(self._situation, Happening(event, direction, reason), self._now_ms())
        self._latency.decided(following.cue, captured_ns, self._first_seen_ns or captured_ns)
        self._become(following)

    def _keep_up(self) -> None:
        """Every second; what the disk refuses is tried again in the next."""
        if self._people.version() != self._roster_version:
            self._load_gallery()
        self._faces.keep_up(self._now_ms())
        self._credential_check.keep_up(self._now_ms())
        self._credential_alarms = self._credential_check.alarms
        if not self._recorder.writable and not self._recorder.mended():
            self._set_fault(Fault.JOURNAL_UNWRITABLE, True)
            return
        state = None
        try:
            state = self._upkeep.run(self._recorder.now(), self._now_ms())
        except JournalDamaged:
            mark_suspect(self._journal.path)
            raise
        except JournalError as error:
            LOG.critical("%s", error)
            self._recorder.writable = False
        self._set_fault(Fault.JOURNAL_UNWRITABLE, not self._recorder.writable)
        if state is not None:
            self.tally.evicted += state.evicted
            self._set_fault(Fault.JOURNAL_FULL, state.full)
            self._warn(state.warnings)

    def _load_gallery(self) -> None:
        self._roster_version = self._people.version()
        self.policy = self._people.accepted(self._rules.consent)[0].version
        unreadable: list[str] = []
        model_id, length = self._pipeline.embedder_id, self._template_length
        found = self._people.gallery(model_id, self._rules.consent, unreadable=unreadable, length=length)
        self.tally.people_unreadable = len(unreadable)
        if unreadable and unreadable != self._unreadable:
            who = counted(len(unreadable), "person", "people")
            LOG.error("%s cannot be matched, what is kept of them is damaged: `smartclocker people list`", who)
        self._unreadable, before = unreadable, self._aside
        self._aside = len(self._people.orders.aside())
        self._tell_lacking()
        other, self._other_text = self._other_text, self._people.other_text(self._rules.consent)
        if self._other_text > other:
            LOG.error("policy.text: %s", another_text(self._other_text, self.policy))
        if self._aside > before:
            LOG.error("%s set aside: docs/operations.md, record-aside", counted(self._aside, "record"))
        self._faces.enrolled(found)

    def _tell_lacking(self) -> None:
        lacking, before = self._people.lacking.all(), self._lacking
        self._lacking = len(lacking)
        if self._lacking > before:
            text = (
                "an older copy of people.db was put back, and lacks what was given by hand since: %s. Give it "
                "anew; then say so with `smartclocker people looked`"
            )
            LOG.error(text, words(lacking))
        elif before and not lacking:
            LOG.info("what the people file lacked was looked into")

    def _warn(self, warnings: tuple[str, ...]) -> None:
        for word in warnings:
            if word not in self._warnings:
                LOG.warning("%s (docs/operations.md says what to do)", word)
        self._warnings = warnings

    def _set_fault(self, fault: Fault, raised: bool) -> None:
        if raised == (fault in self._faults):
            return
        self._faults = self._faults | {fault} if raised else self._faults - {fault}
        without = fault is Fault.CAMERA_STALLED and self._rules.reader
        said = "badge and PIN alone" if without else "out of service"
        LOG.log(logging.ERROR if raised else logging.WARNING, "%s: %s", said if raised else "mended", fault)
        gravest = next((one for one in Fault if one in self._faults), None)
        if gravest is None:
            self._happen(Happening(Event.MENDED))
        elif gravest is Fault.CAMERA_STALLED and self._rules.reader:
            self._happen(Happening(Event.FACES_LOST))
        else:
            self._happen(Happening(Event.FAULT, fault=gravest))

    def _happen(self, happening: Happening) -> None:
        self._become(step(self._situation, happening, self._now_ms()))

    def _become(self, situation: Situation) -> None:
        if situation is self._situation:
            return
        self._situation = situation
        self._show()

    def _show(self) -> None:
        self._player.show(CUES[self._situation.cue], self._situation.deadline_ms)

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000
