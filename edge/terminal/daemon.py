"""The terminal's process: start the loops, say READY, feed the watchdog while all are fresh, and stop in time."""

import logging
import queue
import time
from collections.abc import Callable
from pathlib import Path

from edge.adapters.reopening_camera import ReopeningCamera
from edge.adapters.reopening_devices import CaredButtons, CaredReader, CaredSignals, CaredStrobe
from edge.config_schema import Config
from edge.domain.attendance.presses import ContactChange
from edge.domain.face import Frame
from edge.domain.people.credentials import Read
from edge.errors import CameraError, SmartClockerError
from edge.ports import Buttons, Camera, Clock, Notifier, Reader, Signals, Strobe
from edge.terminal import adapters, factory, installed, starting
from edge.terminal.attendance.attend_loop import Attend
from edge.terminal.attendance.capture import BadgeReading, ButtonReading, Capture, Pace
from edge.terminal.attendance.cue_player import CuePlayer
from edge.terminal.attendance.journal_watch import Noting
from edge.terminal.attendance.strobe import Lamp, Strobing
from edge.terminal.cameras.watch import unless_replay
from edge.terminal.runtime.alarms import Alarm
from edge.terminal.runtime.latency import Latency
from edge.terminal.runtime.lending import Lending
from edge.terminal.runtime.look_timer import LOOK_S, LookTimer
from edge.terminal.runtime.status_source import AlarmConditions, StatusSources
from edge.terminal.runtime.workers import LatestSlot, LongStep, Stop, Worker
from edge.terminal.site.hearing import SiteHearing
from edge.terminal.startup import state_directory

LOG = logging.getLogger(__name__)
STOP_WITHIN_S = 2.8
"""Time in which all loops together must stop; systemd and the documentation allow three seconds."""
FIRST_FRAME_S = 10.0
"""After so long without a first frame, the start reports a fault and does not wait any longer."""
WHOLE_JOURNAL_S = 1_800.0
"""Additional time that a start may take when a whole journal is read: a full one, on a slow card."""
EYES_EVERY_S = 60.0
"""Interval at which a terminal without usable models or policy checks whether they were mended."""
_STALE_S = {
    "capture": 5.0,
    "attend": 5.0,
    "signal": 5.0,
    "strobe": 5.0,
    "publish": 15.0,
    "reading": 15.0,
    "buttons": 15.0,
    "evidence": 60.0,
    "noting": 60.0,
    "control": 90.0,
}
"""How long each loop may go without progress: more than a TLS handshake or a slow card takes. A look at a frame has
LOOK_S.
"""


class Terminal:
    """One terminal, from its start to its end."""

    def __init__(
        self,
        config: Config,
        *,
        notifier: Notifier,
        camera: Camera | None = None,
        signals: Signals | None = None,
        strobe: Strobe | None = None,
        reader: Reader | None = None,
        buttons: Buttons | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Read keys, policy and models, and make sure of the journal; open nothing that must be closed.

        `camera`, `signals`, `strobe`, `reader` and `buttons` (where they are configured) and `clock` replace the
        configured ones. Raises ConfigError, KeyFileError, ModelError or JournalError when something fails that
        punching needs. Anything else that fails is an alarm.
        """
        self.stop = Stop()
        self.status = StatusSources()
        """The sources of the retained status."""
        self._notifier = notifier
        volatile = state_directory.require(config)
        clock = clock or adapters.clock()
        secrets = installed.own_secrets(config)
        self.image_capture = factory.image_capture(config, secrets, clock)
        if self.image_capture is not None:
            self.image_capture.expire()  # first of all: images whose time is over must be gone
        eyes = starting.seeing(config)
        rules, pipeline = eyes.rules, eyes.pipeline
        self._sees_again = (lambda: starting.sees_again(config)) if eyes.blind else None
        shadow, shadow_failing = starting.shadow(config, eyes)
        installed.secure_journal(config, secrets, clock, lambda: notifier.slow(WHOLE_JOURNAL_S))
        slot: LatestSlot[Frame] = LatestSlot()
        self.latency, pace = Latency(), Pace()
        reads: queue.SimpleQueue[Read] = queue.SimpleQueue()
        self._reader = (
            None if config.reader.kind == "none" else CaredReader(lambda: reader or adapters.reader(config))
        )
        self._reading = None if self._reader is None else BadgeReading(self._reader, reads)
        wired = config.buttons.kind != "none"
        self._buttons = CaredButtons(lambda: buttons or adapters.buttons(config)) if wired else None
        changes: queue.SimpleQueue[tuple[ContactChange, int]] = queue.SimpleQueue()
        self._pressing = None
        if self._buttons is not None:
            self._pressing = ButtonReading(self._buttons, changes, pace, clock.monotonic_ns)
        chosen, alone = camera or adapters.camera(config), self._reader is None
        watched = unless_replay(
            config.camera.kind, chosen, Path(config.storage.state), lambda: clock.evidence().utc
        )
        reopening = None if alone else ReopeningCamera(watched or chosen)
        self._capture = Capture(reopening or watched or chosen, slot, pace, needed=alone)
        self._filming = config.recognition.mode != "badge" and not eyes.blind
        self._sees_first = alone and self._filming
        """Whether nothing can be attended to before the first frame."""
        self._signals = CaredSignals(lambda: signals or adapters.signals(config))
        self._player = CuePlayer(self._signals, clock.monotonic_ns, self.latency.shown)
        flashing = strobe is not None or bool(config.recognition.strobe)
        self._strobe = CaredStrobe(lambda: strobe or adapters.strobe(config)) if flashing else None
        self._lamp = None if self._strobe is None else Lamp(self._strobe, clock.monotonic_ns)
        self._strobing = None if self._lamp is None else Strobing(self._lamp, config.camera.fps)
        self._looking = LongStep(LOOK_S)
        lending, tickets = Lending(), starting.tickets(config, secrets, clock)
        self.control = starting.control(config, secrets, clock, self.status, eyes, lending, tickets)
        hearing = SiteHearing()
        self.centre = starting.centre(config, secrets, clock, self.status, rules.consent, hearing)
        self.attend = Attend(
            slot,
            reads,
            lambda: installed.open_journal(config, secrets),
            lambda: installed.open_people(config, secrets),
            *factory.recognition(
                config,
                rules,
                pipeline,
                pace,
                self._strobing,
                eyes.template_length,
                LookTimer(self._looking, clock.monotonic_ns),
            ),
            self._player,
            clock,
            rules,
            self.latency,
            lambda: None if self.centre is None else self.centre.wake(),
            None if self.image_capture is None else self.image_capture.offer,
            shadow,
            lending,
            factory.site_knowledge(config, hearing),
            None if self._buttons is None else changes,
            lambda: watched is not None and watched.changed,
            tickets,
        )
        self._noting = Noting(lambda: installed.open_journal(config, secrets))
        failing_alone = {
            Alarm.STATE_VOLATILE: lambda: volatile,
            Alarm.SIGNALS_FAILING: lambda: self._signals.failing,
            Alarm.STROBE_FAILING: lambda: self._strobe is not None and self._strobe.failing,
            Alarm.CONTROL_FAILING: lambda: self.control.failing,
            Alarm.READER_AWAY: lambda: self._reader is not None and self._reader.failing,
            Alarm.BUTTONS_FAILING: lambda: self._buttons is not None and self._buttons.failing,
            Alarm.FACES_FAILING: lambda: eyes.blind,
            Alarm.SHADOW_FAILING: lambda: shadow_failing,
            Alarm.SITE_UNUSABLE: lambda: hearing.failing,
        }
        self.status.add(
            self.attend,
            self._capture,
            reopening,
            self.latency,
            self.image_capture,
            self.centre,
            self.control,
            starting.certificates(config),
            AlarmConditions(failing_alone),
        )
        self._workers = self._make_workers()

    def run(self) -> int:
        """Run until `stop` is set or a loop fails; returns the exit code. Never raises for a failed loop."""
        try:
            self.attend.show_starting()
            for worker in self._workers:
                if not (self._sees_first and worker.name == "attend"):
                    worker.start()
            if self._wait_until_ready():
                self._notifier.ready("attending")
                LOG.info("ready")
                self._supervise()
        finally:
            self._notifier.stopping()
            self.stop.set("ended")
            late = self._join()
        return self._exit_code(late)

    def _make_workers(self) -> list[Worker]:
        capture, attend, player, centre = self._capture, self.attend, self._player, self.centre
        noting = self._noting

        def play(timeout_s: float) -> None:
            player.run_once(timeout_s)
            self._signals.look()

        workers = [
            self._worker("signal", _progressing(play), None, player.close),
            self._worker("attend", attend.run_once, attend.open, attend.close, self._looking),
            self._worker("control", _progressing(self.control.run_once), None, self.control.close),
            self._worker("noting", _progressing(noting.run_once), noting.open, noting.close),
        ]
        if self._filming:
            workers.append(self._worker("capture", capture.run_once, capture.open, capture.close))
        if self._lamp is not None:
            workers.append(self._worker("strobe", _progressing(self._lamp.run_once), None, self._lamp.close))
        if self._reading is not None:
            reading = self._reading
            workers.append(self._worker("reading", reading.run_once, reading.open, reading.close))
        if self._pressing is not None:
            pressing = self._pressing
            workers.append(self._worker("buttons", pressing.run_once, pressing.open, pressing.close))
        if self.image_capture is not None:
            workers.append(self._worker("evidence", _progressing(self.image_capture.run_once), None, lambda: None))
        if centre is not None:
            workers.append(self._worker("publish", _progressing(centre.run_once), centre.open, centre.close))
        return workers

    def _worker(
        self,
        name: str,
        body: Callable[[], bool],
        opening: Callable[[], None] | None,
        closing: Callable[[], None],
        long_step: LongStep | None = None,
    ) -> Worker:
        limit_s = _STALE_S[name]
        return Worker(
            name, body, self.stop, stale_after_s=limit_s, opening=opening, closing=closing, long_step=long_step
        )

    def _wait_until_ready(self) -> bool:
        """Wait until every loop has opened and the first needed frame came; False when the stop was set before.

        Without a reader, the attending loop begins with the first frame. While a camera is away, systemd starts
        this process again every few seconds: none of these starts says that it is ready, or leaves a `boot` record.
        """
        give_up, waiting = time.monotonic() + FIRST_FRAME_S, self._sees_first
        while not self.stop.is_set():
            seeing = self._capture.frames > 0 or self._reading is not None
            if seeing and waiting:
                waiting = False
                next(worker for worker in self._workers if worker.name == "attend").start()
            if all(worker.opened.is_set() for worker in self._workers) and seeing:
                return True
            if time.monotonic() > give_up and not seeing:
                capturing = next(worker for worker in self._workers if worker.name == "capture")
                cure = "check the cable and that no other program uses the camera (`rpicam-hello --list-cameras`)"
                capturing.error = CameraError(f"no frame within {FIRST_FRAME_S:.0f} s; {cure}")
                self.stop.set("no first frame")
            self.stop.wait(0.02)
        return False

    def _supervise(self) -> None:
        period = min((self._notifier.watchdog_s or 10.0) / 4, 1.0)
        silent, look_at = False, time.monotonic() + EYES_EVERY_S
        while not self.stop.wait(period):
            if self._sees_again is not None and time.monotonic() >= look_at:
                look_at = time.monotonic() + EYES_EVERY_S
                if self._sees_again():
                    LOG.warning("models and policy can be used again: a new start takes them up")
                    self.stop.set("it sees again")
            stale = [worker.name for worker in self._workers if worker.stale()]
            if not stale:
                self._notifier.watchdog()
            elif not silent:
                LOG.critical("no progress in %s: the watchdog is no longer fed", ", ".join(stale))
            silent = bool(stale)

    def _join(self) -> list[str]:
        """Wait for all loops, STOP_WITHIN_S together; returns the names of those that did not end."""
        deadline = time.monotonic() + STOP_WITHIN_S
        return [w.name for w in self._workers if not w.join(deadline - time.monotonic())]

    def _exit_code(self, late: list[str]) -> int:
        for worker in self._workers:
            if worker.error is None:
                continue
            if isinstance(worker.error, SmartClockerError):
                LOG.critical("%s: %s", worker.name, worker.error)
                return worker.error.exit_code
            LOG.critical("%s: an error that nobody foresaw", worker.name, exc_info=worker.error)
            return SmartClockerError.exit_code
        if late:
            LOG.critical("did not end in %.1f s: %s", STOP_WITHIN_S, ", ".join(late))
            return SmartClockerError.exit_code
        return 0


def _progressing(run_once: Callable[[float], None]) -> Callable[[], bool]:
    """The body of a loop whose `run_once` waits for work with a time limit: each return is progress."""

    def body() -> bool:
        run_once(0.5)
        return True

    return body
