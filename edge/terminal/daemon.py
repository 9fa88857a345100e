"""The terminal's life: start the loops, say READY, feed the watchdog while all are fresh, stop clean in time."""

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import asdict

from edge.config import Config
from edge.domain.badge import Read
from edge.domain.types import Frame
from edge.errors import CameraError, SmartClockerError
from edge.ports import Camera, Clock, Notifier, Signals, Strobe
from edge.terminal import parts
from edge.terminal.alarms import UPLINK_FILES
from edge.terminal.attend import Attend
from edge.terminal.camera_care import CaredFor
from edge.terminal.faces import Faces
from edge.terminal.lamp import Lamp
from edge.terminal.latency import Latency
from edge.terminal.loops import Capture, Reading
from edge.terminal.pace import Pace
from edge.terminal.publish import Publisher
from edge.terminal.runtime import LatestSlot, Stop, Worker
from edge.terminal.signal import CuePlayer
from edge.terminal.strobing import Strobing

LOG = logging.getLogger(__name__)
STOP_WITHIN_S = 2.8
"""All loops together; systemd and the promise allow three seconds."""
FIRST_FRAME_S = 10.0
"""A camera that shows nothing for so long at start-up is a fault to say, not to wait for."""
_STALE_S = {
    "capture": 5.0,
    "attend": 5.0,
    "signal": 5.0,
    "strobe": 5.0,
    "publish": 15.0,
    "reading": 15.0,
    "evidence": 60.0,
}
"""How long a loop may go without progress; a TLS handshake and a slow card fit in, a hang does not."""


class Terminal:
    """One terminal. `run` is its whole life, on the calling thread."""

    def __init__(
        self,
        config: Config,
        *,
        notifier: Notifier,
        camera: Camera | None = None,
        signals: Signals | None = None,
        strobe: Strobe | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Read keys, policy and models, make sure of the journal; open nothing that must be closed.

        `camera`, `signals`, `strobe` and `clock` replace the configured ones. Raises what a wrong configuration
        raises: ConfigError, KeyFileError, ModelError, SignalsError; and JournalError.
        """
        self.stop = Stop()
        self._notifier = notifier
        clock = clock or parts.clock()
        secrets = parts.load_secrets(config)
        self.stills = parts.stills(config, secrets, clock)
        if self.stills is not None:
            self.stills.expire()  # before anything else: what is over was promised to be gone
        store = parts.model_store(config)
        rules = parts.rules(config, store)
        parts.secure_journal(config, secrets, clock)
        slot: LatestSlot[Frame] = LatestSlot()
        self.latency = Latency()
        pace = Pace()
        reads: queue.SimpleQueue[Read] = queue.SimpleQueue()
        reader = parts.reader(config)
        self._reading = None if reader is None else Reading(reader, reads)
        chosen = camera or parts.camera(config)
        self._capture = Capture(chosen if reader is None else CaredFor(chosen), slot, pace, needed=reader is None)
        self._filming = config.recognition.mode != "badge"
        self._player = CuePlayer(signals or parts.signals(config), clock.monotonic_ns, self.latency.shown)
        strobe = strobe or parts.strobe(config)
        self._lamp = None if strobe is None else Lamp(strobe, clock.monotonic_ns)
        self._strobing = None if self._lamp is None else Strobing(self._lamp, config.camera.fps)
        self._uplink = parts.uplink(config)
        self.publisher = self._make_publisher(config, secrets, clock)
        pipeline = parts.pipeline(config, store)
        self.attend = Attend(
            slot,
            pipeline,
            lambda: parts.open_ring(config, secrets),
            lambda: parts.open_people(config, secrets),
            self._player,
            clock,
            rules,
            self.latency,
            lambda: None if self.publisher is None else self.publisher.wake(),
            Faces(pipeline, rules.faces, pace, parts.site_threshold(config, pipeline), self._strobing),
            reads,
            None if self.stills is None else self.stills.offer,
            parts.shadow(config, pipeline),
            store.template_length,
        )
        self._slot = slot
        self._workers = self._make_workers()

    def run(self) -> int:
        """Until `stop` is set or a loop fails; the exit code of the process. Never raises for a failed loop."""
        try:
            for worker in self._workers:
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

    def _make_publisher(self, config: Config, secrets: parts.Secrets, clock: Clock) -> Publisher | None:
        uplink = self._uplink
        if uplink is None or config.uplink is None:
            return None
        return Publisher(
            uplink,
            lambda: parts.open_ring(config, secrets),
            parts.origin(config),
            secrets.ledger,
            clock,
            window=config.uplink.window,
            resend_s=config.uplink.resend_s,
            status=self._status,
            orders=parts.orders(config, secrets, clock),
            roster=parts.roster(config, secrets, clock),
        )

    def _make_workers(self) -> list[Worker]:
        capture, attend, player, publisher = self._capture, self.attend, self._player, self.publisher
        workers = [
            self._worker("signal", _progressing(player.run_once), None, player.close),
            self._worker("attend", attend.run_once, attend.open, attend.close),
        ]
        if self._filming:
            workers.append(self._worker("capture", capture.run_once, capture.open, capture.close))
        if self._lamp is not None:
            workers.append(self._worker("strobe", _progressing(self._lamp.run_once), None, self._lamp.close))
        if self._reading is not None:
            reading = self._reading
            workers.append(self._worker("reading", reading.run_once, reading.open, reading.close))
        if self.stills is not None:
            workers.append(self._worker("evidence", _progressing(self.stills.run_once), None, lambda: None))
        if publisher is not None:
            workers.append(
                self._worker("publish", _progressing(publisher.run_once), publisher.open, publisher.close)
            )
        return workers

    def _worker(
        self,
        name: str,
        body: Callable[[], bool],
        opening: Callable[[], None] | None,
        closing: Callable[[], None],
    ) -> Worker:
        return Worker(name, body, self.stop, stale_after_s=_STALE_S[name], opening=opening, closing=closing)

    def _wait_until_ready(self) -> bool:
        """True once every loop has opened and the first frame that is needed came; False when told to stop."""
        give_up = time.monotonic() + FIRST_FRAME_S
        while not self.stop.is_set():
            seeing = self._capture.frames > 0 or self._reading is not None
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
        silent = False
        while not self.stop.wait(period):
            stale = [worker.name for worker in self._workers if worker.stale()]
            if not stale:
                self._notifier.watchdog()
            elif not silent:
                LOG.critical("no progress in %s: the watchdog is no longer fed", ", ".join(stale))
            silent = bool(stale)

    def _join(self) -> list[str]:
        """Wait for all loops within one budget; the names of those that did not end."""
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

    def _status(self) -> dict[str, object]:
        tally = self.attend.tally
        frame, stills, uplink = self.latency.frame_to_cue(), self.stills, self._uplink
        unusable = uplink is not None and uplink.unusable
        return {
            "alarms": [
                *self.attend.alarms,
                *(() if stills is None else stills.alarms),
                *((UPLINK_FILES,) if unusable else ()),
            ],
            **({} if uplink is None else {"uplink_faults": uplink.faults}),
            **{key: value for key, value in asdict(tally).items() if key != "refused"},
            **{f"refused_{reason}": count for reason, count in sorted(tally.refused.items())},
            "frames": self._capture.frames,
            "frames_dropped": self._slot.drops,
            "frame_to_cue_p50_ms": frame.p50,
            "frame_to_cue_p95_ms": frame.p95,
            "policy": self.attend.policy,
            **({} if stills is None else stills.counters()),
            **({} if self._strobing is None else self._strobing.counters()),
        }


def _progressing(run_once: Callable[[float], None]) -> Callable[[], bool]:
    """The body of a loop that waits for work with a limit: coming back is progress."""

    def body() -> bool:
        run_once(0.5)
        return True

    return body
