"""Faults that put the terminal out of service, and warnings: of camera, journal and people file."""

import logging
from collections.abc import Callable

from edge.domain.attendance.states import CAMERA_FAULTS, Event, Fault, Happening
from edge.domain.plural import counted
from edge.errors import JournalDamaged, JournalError
from edge.journal.diagnosis import mark_suspect
from edge.journal.journal import Journal
from edge.people.lacking import words
from edge.people.people_store import People
from edge.people.policies import another_text
from edge.terminal.attendance.gallery import GalleryLoader
from edge.terminal.attendance.journal_maintenance import JournalMaintenance
from edge.terminal.attendance.punch_recorder import Recorder
from edge.terminal.runtime.alarms import Alarm

LOG = logging.getLogger(__name__)
STALLED_MS = 2_000
"""After this time without a frame, the terminal says that it is out of service."""


class ServiceHealth:
    """The faults of camera and journal. One thread uses it; `alarms` may be read on any."""

    def __init__(
        self,
        handle: Callable[[Happening], None],
        now_ms: int,
        *,
        filming: bool,
        reader: bool,
        camera_changed: Callable[[], bool] = lambda: False,
    ) -> None:
        """`handle` is called with the happening by which a fault changes the terminal's state.

        `filming`: frames are needed, and missing ones are a fault. `reader`: badges are read, so that the terminal
        goes on without its camera. `camera_changed`: whether what films must not be believed.
        """
        self._handle, self._filming, self._reader = handle, filming, reader
        self._camera_changed = camera_changed
        self._faults: frozenset[Fault] = frozenset()
        self._warnings: tuple[str, ...] = ()
        self._frame_ms = now_ms
        self._evicted = 0

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status."""
        return (*sorted(self._faults), *self._warnings)

    def counters(self) -> dict[str, int]:
        """Counters for the status: how many records were evicted."""
        return {"evicted": self._evicted}

    @property
    def faces_lost(self) -> bool:
        """Whether no face may count: no frame came for STALLED_MS, or what films must not be believed."""
        return not self._faults.isdisjoint(CAMERA_FAULTS)

    def begin(self, now_ms: int) -> None:
        """Begin to expect frames."""
        self._frame_ms = now_ms

    def camera_had(self, frame: bool, now_ms: int) -> None:
        """Take whether a frame came in this turn of the loop; begins or ends the camera's faults."""
        self.set_fault(Fault.CAMERA_CHANGED, self._camera_changed())
        if frame:
            self._frame_ms = now_ms
            self.set_fault(Fault.CAMERA_STALLED, False)
        elif self._filming and now_ms - self._frame_ms >= STALLED_MS:
            self.set_fault(Fault.CAMERA_STALLED, True)

    def look_at_journal(
        self, journal: Journal, recorder: Recorder, maintenance: JournalMaintenance, now_ms: int
    ) -> None:
        """Maintain the journal, every second; what the disk refuses is tried again a second later.

        Raises JournalDamaged, after which the next start checks the whole file.
        """
        if not recorder.writable and not recorder.mended():
            self.set_fault(Fault.JOURNAL_UNWRITABLE, True)
            return
        found = None
        try:
            found = maintenance.run(recorder.now(), now_ms)
        except JournalDamaged:
            mark_suspect(journal.path)
            raise
        except JournalError as error:
            LOG.critical("%s", error)
            recorder.writable = False
        self.set_fault(Fault.JOURNAL_UNWRITABLE, not recorder.writable)
        if found is not None:
            self._evicted += found.evicted
            self.set_fault(Fault.JOURNAL_FULL, found.full)
            self._warn(found.warnings)

    def set_fault(self, fault: Fault, raised: bool) -> None:
        """Begin or end a fault, unless it is so already: in the log, in the alarms, and in the terminal's state."""
        if raised == (fault in self._faults):
            return
        self._faults = self._faults | {fault} if raised else self._faults - {fault}
        without = fault in CAMERA_FAULTS and self._reader
        said = "badge and PIN alone" if without else "out of service"
        LOG.log(logging.ERROR if raised else logging.WARNING, "%s: %s", said if raised else "mended", fault)
        gravest = next((one for one in Fault if one in self._faults), None)
        if gravest is None:
            self._handle(Happening(Event.MENDED))
        elif gravest in CAMERA_FAULTS and self._reader:
            self._handle(Happening(Event.FACES_LOST))
        else:
            self._handle(Happening(Event.FAULT, fault=gravest))

    def _warn(self, warnings: tuple[str, ...]) -> None:
        for word in warnings:
            if word not in self._warnings:
                LOG.warning("%s (docs/operations.md says what to do)", word)
        self._warnings = warnings


class PeopleHealth:
    """Alarms about the people file. One thread uses it; `alarms` may be read on any."""

    def __init__(self) -> None:
        self._unreadable = self._aside = self._other_text = self._lacking = 0

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status."""
        counts = (
            (Alarm.PEOPLE_UNREADABLE, self._unreadable),
            (Alarm.RECORD_ASIDE, self._aside),
            (Alarm.POLICY_TEXT, self._other_text),
            (Alarm.PEOPLE_PUT_BACK, self._lacking),
        )
        return tuple(word for word, count in counts if count)

    def counters(self) -> dict[str, int]:
        """Empty: there are no counters."""
        return {}

    def look_at(self, people: People, loaded: GalleryLoader) -> None:
        """Look for causes of alarms, after the gallery was loaded. Raises PeopleError."""
        self._unreadable = len(loaded.unreadable)
        aside, self._aside = self._aside, len(people.outbox.aside())
        if self._aside > aside:
            LOG.error("%s set aside: docs/operations.md, record-aside", counted(self._aside, "record"))
        other, self._other_text = self._other_text, people.other_text(loaded.consent)
        if self._other_text > other:
            LOG.error("policy.text: %s", another_text(self._other_text, loaded.policy))
        self._look_for_lacking(people)

    def _look_for_lacking(self, people: People) -> None:
        lacking, before = people.lacking.all(), self._lacking
        self._lacking = len(lacking)
        if self._lacking > before:
            text = (
                "an older copy of people.db was put back and lacks what was given since: %s. Give it "
                "again; then say so with `smartclocker people looked`"
            )
            LOG.error(text, words(lacking))
        elif before and not lacking:
            LOG.info("somebody looked into what the people file lacked")
