"""The attending loop, the whole way of a punch: a frame is looked at, a person decided, a record made durable, a
cue shown.

Decision, signature, commit and fdatasync are one call stack on this one thread; the accepting cue comes after them
(I1). When the card stalls, frames drop from the slot; a punch never waits in memory. Of a face that does not punch,
only a counter stays, and its vector in memory for as long as the face may be paused.
"""

import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge import __version__
from edge.domain.attendance.cues import CUES, as_example, held
from edge.domain.attendance.presses import AFTER_MS, ContactChange, Press, SeveralPressed
from edge.domain.attendance.punch_direction import DirectionPolicy, Unpressed
from edge.domain.attendance.states import (
    DEADLINES_MS,
    QUESTIONS,
    Event,
    Fault,
    Happening,
    Situation,
    State,
    begin,
    step,
    tick,
)
from edge.domain.face import Frame, Sight
from edge.domain.people.consent import Policy
from edge.domain.people.credentials import Read
from edge.domain.protocol.record_kinds import Kind
from edge.domain.recognition.decision import Refused
from edge.domain.vocabulary import Button, RefusalReason
from edge.errors import PeopleError
from edge.journal.capacity import Bounds
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal, Stored
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.attendance.button_presses import Answered, ButtonPresses
from edge.terminal.attendance.credential_check import (
    CredentialCheck,
    CredentialMatched,
    CredentialReads,
    FaceRequired,
    PinRequired,
)
from edge.terminal.attendance.cue_player import CuePlayer
from edge.terminal.attendance.face_recognition import Challenged, FaceRecognition, FaceRules
from edge.terminal.attendance.gallery import GalleryLoader
from edge.terminal.attendance.journal_maintenance import JournalMaintenance
from edge.terminal.attendance.punch_recorder import Identified, Punched, Puncher, Recorder
from edge.terminal.attendance.service_health import PeopleHealth, ServiceHealth
from edge.terminal.attendance.sights import Sights
from edge.terminal.operator.enrolment_desk import EnrolmentDesk, Step
from edge.terminal.orders.tickets import Tickets
from edge.terminal.runtime.alarms import Alarms
from edge.terminal.runtime.latency import Latency
from edge.terminal.runtime.lending import Lending
from edge.terminal.runtime.status_source import StatusSources
from edge.terminal.runtime.workers import LatestSlot
from edge.terminal.site.knowledge import SiteKnowledge
from edge.terminal.startup import completion

LOG = logging.getLogger(__name__)
UPKEEP_MS = 1_000
"""How often the people file is checked for changes and the journal for its fill."""
_DEAF = frozenset({State.STARTING, State.OUT_OF_SERVICE})
"""States in which nothing can be recorded: reads and presses are dropped."""
_RESTING = frozenset({State.IDLE, State.LOOKING, State.BADGE_ONLY})
"""States in which the lights say nothing of their own."""
_SHOW_BADGE = frozenset({Step.BADGE, Step.PERSON})
_ASK_BADGE = Happening(Event.REFUSED, reason=RefusalReason.BADGE_NEEDED)
"""The cue that asks for a badge."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The policies of this terminal."""

    consent: Policy
    direction: DirectionPolicy
    faces: FaceRules
    bounds: Bounds
    """Bounds of the journal."""
    reader: bool = False
    """Whether badges are read: then the terminal goes on without its camera."""


@dataclass(slots=True)
class Tally:
    """Counters for the status, about nobody."""

    punches: int = 0
    suppressed: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    badges_refused: int = 0


class Attend:
    """The body of the attending worker. Any thread may read `tally`, `alarms`, `counters`; the rest is its own."""

    def __init__(
        self,
        slot: LatestSlot[Frame],
        reads: "queue.SimpleQueue[Read]",
        open_journal: Callable[[], Journal],
        open_people: Callable[[], People],
        sights: Sights,
        faces: FaceRecognition,
        gallery: GalleryLoader,
        player: CuePlayer,
        clock: Clock,
        rules: Rules,
        latency: Latency,
        appended: Callable[[], None],
        still: Callable[[Stored, Frame, Sight], None] | None = None,
        learn: Callable[[People, Identified, Frame], None] | None = None,
        lending: Lending | None = None,
        site: SiteKnowledge | None = None,
        changes: "queue.SimpleQueue[tuple[ContactChange, int]] | None" = None,
        camera_changed: Callable[[], bool] = lambda: False,
        tickets: Tickets | None = None,
    ) -> None:
        """`appended` is called after each record, so that the uplink need not poll. `reads` is the queue of what
        readers read; `changes` that of the buttons, None without buttons.

        `still` and `learn` get the frame of each punch by a face, after its cue. `still` neither waits nor raises;
        `learn` does not raise. `lending` lends camera, reader and lights to actions of the command line. `site` is
        what is known of the site's other terminals. While `camera_changed`, no face counts. `tickets` are those of
        the authority, for enrolments that are opened here.
        """
        self._slot, self._reads, self._player, self._clock = slot, reads, player, clock
        self._open_journal, self._open_people, self._rules = open_journal, open_people, rules
        self._sights, self._faces, self._gallery = sights, faces, gallery
        self._latency, self._appended, self._still, self._learn = latency, appended, still, learn
        self._lending = lending or Lending()
        self._site, self._tickets = site, tickets
        self._opens = rules.reader and changes is not None and rules.faces.mode != "badge"
        self._desk: EnrolmentDesk | None = None
        self.tally = Tally()
        now_ms = self._now_ms()
        filming = rules.faces.mode != "badge"
        self._health = ServiceHealth(
            self._handle, now_ms, filming=filming, reader=rules.reader, camera_changed=camera_changed
        )
        self._people_health, self._credential_alarms = PeopleHealth(), Alarms()
        self._answer_ms = DEADLINES_MS[State.ACCEPTED] if changes is None else AFTER_MS
        self._presses = ButtonPresses(changes or queue.SimpleQueue(), rules.direction)
        presses = None if changes is None else self._presses
        self._parts = StatusSources(self._health, sights, faces, gallery, self._people_health, presses)
        self._situation = begin(now_ms)
        self._first_seen_ns: int | None = None
        """The instant of the first frame with the face that is there now."""
        self._upkeep_ms = now_ms

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status: why the terminal is out of service, and what will need a person."""
        return (*self._parts.alarms, *self._credential_alarms.words)

    @property
    def situation(self) -> Situation:
        """The situation now; any thread may read it."""
        return self._situation

    def counters(self) -> dict[str, int | float | str]:
        """Counters for the status."""
        tally = self.tally
        return {
            "punches": tally.punches,
            "suppressed": tally.suppressed,
            "badges_refused": tally.badges_refused,
            **{f"refused_{reason}": count for reason, count in sorted(tally.refused.items())},
            **self._parts.counters(),
        }

    def show_starting(self) -> None:
        """Show that the terminal starts. It is called before `open`, from any thread."""
        self._play_cue()

    def open(self) -> None:
        """Open the journal and the people file on this thread, and record the boot. Raises their errors."""
        self._journal, self._people = self._open_journal(), self._open_people()
        reserve = Reserve(self._journal.path, self._rules.bounds.max_bytes)
        self._recorder = Recorder(self._journal, reserve, self._clock, self._appended)
        self._puncher = Puncher(self._journal, self._recorder, self._rules.direction, self._site)
        self._credential_check = CredentialCheck(
            self._people.credentials, self._faces.needs_badge, self._credential_alarms
        )
        if self._opens:
            self._desk = EnrolmentDesk(
                self._people, self._tickets, self._credential_check.proves, self._lending.open
            )
        self._credential_reads = CredentialReads(self._reads, self._lending, self._desk, self._credential_check)
        self._maintenance = JournalMaintenance(self._journal, reserve, self._rules.bounds)
        self._recorder.owe(Kind.BOOT, {"version": __version__, "models": list(self._sights.models)})
        completion.complete(self._people, self._journal, self._clock)
        self._load_gallery()
        self._health.begin(self._now_ms())
        self._presses.open(self._journal, self._recorder, self._now_ms())
        self._handle(Happening(Event.READY))
        self._keep_up()

    def run_once(self) -> bool:
        """Attend to one frame, a badge, or the passing of time. Always progress: only a loop that hangs becomes
        stale.
        """
        frame = self._slot.take(0.1)
        now_ms = self._now_ms()
        self._set_state(tick(self._situation, now_ms))
        if self._situation.state is State.IDLE and self._health.faces_lost:
            self._handle(Happening(Event.FACES_LOST))
        self._read_presses(now_ms)
        self._read_badges(now_ms)
        if now_ms - self._upkeep_ms >= UPKEEP_MS:
            self._upkeep_ms = now_ms
            self._keep_up()
        self._health.camera_had(frame is not None, now_ms)
        trusted = None if self._health.faces_lost else frame  # nobody is enrolled by a camera that does not count
        lent = self._lending.turn(trusted, self._sights.enrolling, self._situation, now_ms)
        if lent is not None:
            self._handle(lent)
        if frame is not None and self._faces_count():
            self._attend(frame, now_ms)
        return True

    def close(self) -> None:
        """Close the journal and the people file."""
        self._gallery.close()
        if self._site is not None:
            self._site.close()
        for part in ("_journal", "_people"):
            if hasattr(self, part):
                getattr(self, part).close()

    def _attend(self, frame: Frame, now_ms: int) -> None:
        sight = self._sights.of(frame)
        if sight.box is None:
            self._first_seen_ns = None
        elif self._first_seen_ns is None:
            self._first_seen_ns = frame.captured_ns
        outcome = self._faces.observe(sight, now_ms)
        if outcome is None and self._faces.attempting:
            self._sights.flash(frame, sight)
        if isinstance(outcome, Identified):
            outcome = self._at_this_moment(outcome)
        if isinstance(outcome, Identified):
            self._punch(outcome, frame.captured_ns, (frame, sight))
        elif isinstance(outcome, Challenged):
            self._ask(Happening(Event.CHALLENGE, side=outcome.side), outcome.within_ms, now_ms)
        elif outcome is not None and self._situation.state is not State.ASKING:
            self._refuse(outcome.reason, frame.captured_ns)
        elif self._situation.state is State.IDLE and self._faces.present and sight.box is not None:
            self._handle(Happening(Event.FACE))
        elif self._situation.state is State.LOOKING and not self._faces.present:
            self._handle(Happening(Event.FACE_GONE))

    def _punch(
        self,
        who: Identified,
        captured_ns: int | None,
        seen: tuple[Frame, Sight] | None = None,
        button: Button | None = None,
    ) -> None:
        """Commit, then show the cue: the record is signed and on the disk when `punch` returns it (I1). If the
        person pressed a button after their punch, and comes again because no camera saw them press, correct it.

        `captured_ns` is the instant of the frame or badge that is answered; None for a press. `seen` is the frame
        of a face. `button` is a press that came after the person; without one, the press that waits counts.
        """
        now_ms = self._now_ms()
        waited, before = self._presses.pressed(now_ms), self._presses.meant(who.person)
        if waited is not None and before is not None:
            self._correct(before, waited)
            return
        punched = self._puncher.punch(who, button or waited)
        if punched is None:
            self._health.set_fault(Fault.JOURNAL_UNWRITABLE, True)
            return
        self._presses.answered(who, punched, self._faces.standing, seen, now_ms)
        if isinstance(punched, Unpressed):
            self._answer(Happening(Event.CHOOSE), captured_ns)
            return
        self.tally.punches += punched.kind is Kind.PUNCH
        self.tally.suppressed += punched.kind is Kind.SUPPRESSED and punched.stored is not None
        self._show(punched, captured_ns, self._now_ms() + self._answer_ms)
        if punched.stored is not None and seen is not None:
            if self._still is not None:
                self._still(punched.stored, *seen)
            if self._learn is not None:
                self._learn(self._people, who, seen[0])

    def _correct(self, one: Answered, button: Button) -> None:
        """Commit what a press makes of the punch before it, then show the cue (I1)."""
        punched = self._presses.correct(one, button)
        if punched is None:
            self._health.set_fault(Fault.JOURNAL_UNWRITABLE, True)
        else:
            least_ms = self._now_ms() + DEADLINES_MS[State.ACCEPTED]
            self._show(punched, None, max(one.until_ms, least_ms))

    def _show(self, punched: Punched, captured_ns: int | None, until_ms: int) -> None:
        made = punched.kind is Kind.PUNCH
        event = Event.COMMITTED if made else Event.SUPPRESSED
        until = until_ms if made else None
        happening = Happening(event, punched.direction, activity=punched.activity, until_ms=until)
        self._answer(happening, captured_ns)

    def _refuse(self, reason: RefusalReason, captured_ns: int | None) -> None:
        self.tally.refused[reason] = self.tally.refused.get(reason, 0) + 1
        self._answer(Happening(Event.REFUSED, reason=reason), captured_ns)

    def _answer(self, happening: Happening, captured_ns: int | None) -> None:
        following = step(self._situation, happening, self._now_ms())
        if captured_ns is not None:
            self._latency.decided(following.cue, captured_ns, self._first_seen_ns or captured_ns)
        self._set_state(following)

    def _handle(self, happening: Happening) -> None:
        self._set_state(step(self._situation, happening, self._now_ms()))

    def _ask(self, question: Happening, within_ms: int, now_ms: int) -> None:
        """Ask something before a punch is made: a press waits as long as the question stands."""
        self._presses.questioned(within_ms, now_ms)
        self._handle(replace(question, until_ms=self._now_ms() + within_ms))

    def _set_state(self, situation: Situation) -> None:
        if situation is self._situation:
            return
        self._situation = situation
        self._play_cue()

    def _play_cue(self) -> None:
        cue, deadline_ms = CUES[self._situation.cue], self._situation.deadline_ms
        if self._situation.state is State.LENT:
            cue = as_example(cue)
        elif deadline_ms is not None and self._situation.state is State.ACCEPTED:
            cue = held(cue, deadline_ms - self._now_ms())  # as long as a press can change the punch
        self._player.show(cue, deadline_ms)

    def _at_this_moment(self, who: Identified) -> Identified | Refused:
        """The person if they may still be matched: a consent may have ended since the gallery was loaded."""
        if self._gallery.is_behind(self._people):
            self._load_gallery()
        return who if who.person in self._faces.enrolled else Refused(RefusalReason.NOT_RECOGNISED)

    def _faces_count(self) -> bool:
        unseen = self._rules.faces.mode == "badge" or self._health.faces_lost
        unseen = unseen or (self._desk is not None and self._desk.is_trusted(self._now_ms()))
        return not (unseen or self._lending.filming) and self._situation.state is not State.OUT_OF_SERVICE

    def _read_presses(self, now_ms: int) -> None:
        """Answer all presses. They are dropped while nothing can be recorded; a loan takes them while it lasts."""
        lent = self._situation.state is State.LENT
        ignored = lent or self._situation.state in _DEAF
        for press in self._presses.take(now_ms, self._faces.standing, ignored=ignored):
            if not ignored:
                self._read_press(press, now_ms)
            elif lent and isinstance(press, Press):
                self._lending.pressed(press.button)
        if self._situation.state is State.CHOOSING and not self._presses.asking(now_ms):
            self._handle(Happening(Event.FACE_GONE))
        if self._situation.state in _RESTING and (shown := self._unanswered(now_ms)) is not None:
            self._handle(shown)

    def _read_press(self, press: Press | SeveralPressed, now_ms: int) -> None:
        if isinstance(press, SeveralPressed):
            self._presses.several()
            self._refuse(RefusalReason.SEVERAL_BUTTONS, None)
        elif (one := self._presses.whose(press, self._faces.standing)) is None:
            self._handle(self._presses.wait(press))
            if self._presses.in_doubt:
                self._credential_check.let_go()
            if self._situation.state in QUESTIONS:
                self._presses.questioned(DEADLINES_MS[self._situation.state], now_ms)
        elif one.is_punched:
            self._correct(one, press.button)
        else:
            self._punch_pressed(one, press.button)

    def _unanswered(self, now_ms: int) -> Happening | None:
        """What the lights should show when nothing else is shown."""
        if self._desk is not None and self._desk.waits_for(now_ms) in _SHOW_BADGE:
            return _ASK_BADGE
        return self._presses.unanswered(now_ms)

    def _punch_pressed(self, one: Answered, button: Button) -> None:
        """Make the punch of a person who was known before the press."""
        who = self._at_this_moment(one.who) if one.seen is not None else self._unless_erased(one.who)
        if isinstance(who, Identified):
            self._punch(who, None, one.seen, button)
        else:
            self._presses.forget()
            self._refuse(who.reason, None)

    def _unless_erased(self, who: Identified) -> Identified | Refused:
        """The person of a badge or PIN, if they were not erased while the press was awaited."""
        try:
            gone = who.person in self._people.gone()
        except PeopleError as error:
            LOG.error("the person of a badge or PIN could not be looked up: %s", error)  # noqa: TRY400 - it says it all
            gone = True
        return Refused(RefusalReason.NOT_RECOGNISED) if gone else who

    def _read_badges(self, now_ms: int) -> None:
        """Answer at most one read in each turn. Reads are dropped while nothing can be recorded."""
        if self._presses.settling:
            return  # the press that it belongs to counts in a moment
        now_ns = self._clock.monotonic_ns()
        deaf, possible = self._situation.state in _DEAF, not (self._lending.lent or self._health.faces_lost)
        answer = self._credential_reads.answer(now_ms, deaf=deaf, possible=possible)
        if answer is None:
            return
        if isinstance(answer, Step):
            self._open_enrolment(answer)
            return
        self._presses.forget()
        if isinstance(answer, CredentialMatched):
            self._punch(Identified(answer.person, answer.method), now_ns)
        elif isinstance(answer, PinRequired):
            self._ask(Happening(Event.NUMBER), DEADLINES_MS[State.ASKING], now_ms)
        elif isinstance(answer, FaceRequired) and self._faces_count():
            self._ask(Happening(Event.BADGE), self._faces.expect(answer.person, now_ms), now_ms)
        else:
            self.tally.badges_refused += 1
            self._refuse_read()

    def _open_enrolment(self, step: Step) -> None:
        """Show the next step of the opening of an enrolment."""
        if step is Step.PIN:
            self._handle(Happening(Event.NUMBER))
        elif step is Step.WRONG:
            self.tally.badges_refused += 1
            self._refuse_read()
        elif step in _SHOW_BADGE:
            self._handle(_ASK_BADGE)

    def _refuse_read(self) -> None:
        self._answer(Happening(Event.REFUSED, reason=RefusalReason.NOT_RECOGNISED), self._clock.monotonic_ns())

    def _keep_up(self) -> None:
        """Maintenance, every second."""
        if self._gallery.is_behind(self._people):
            self._load_gallery()
        now_ms = self._now_ms()
        self._gallery.keep_up(now_ms)
        self._faces.keep_up(now_ms)
        self._credential_check.keep_up(now_ms)
        self._health.look_at_journal(self._journal, self._recorder, self._maintenance, now_ms)

    def _load_gallery(self) -> None:
        self._gallery.load(self._people)
        self._people_health.look_at(self._people, self._gallery)

    def _now_ms(self) -> int:
        return self._clock.monotonic_ns() // 1_000_000
