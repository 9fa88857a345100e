"""One evidence image a punch, where the employer opted in: after the cue, on a thread of its own, never in its way.

Whatever fails here costs an image and is counted; no punch waits for it or is refused. Deleting comes first: at the
start before anything else, then every ten minutes, whether images are still taken or not.
"""

import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nacl.public import PublicKey

from edge.domain.face import Frame, Pixels, Sight
from edge.domain.privacy.image_retention import LOOK_MS
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Kind
from edge.errors import EvidenceDamaged, KeyFileError, SmartClockerError
from edge.evidence_images import sealed_image
from edge.evidence_images.store import opened
from edge.journal.journal import Stored
from edge.people.people_store import People
from edge.ports import Clock
from edge.terminal.runtime.alarms import Alarm, Alarms
from edge.vision import face_crop

WAITING = 4
"""Pictures that wait for the disk, in memory; with more, the next punch has none."""
_ASK_NS = 10_000_000_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """How images are taken."""

    key: PublicKey
    """The employer's; the terminal never has the private half."""
    max_bytes: int
    """Of the store's file."""
    max_edge_px: int


class ImageCapture:
    """`offer` belongs to the attending thread, everything else to the worker; `expire` comes before both."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        open_people: Callable[[], People],
        taking: Callable[[], CaptureSettings | None],
    ) -> None:
        """`taking` says how; None: what is there is deleted on its day, and nothing is added.

        It raises KeyFileError for a key that cannot be used, and is asked again and again: a key may be replaced,
        because somebody else knows its private half, or go away.
        """
        self._path, self._clock, self._open_people, self._ask = path, clock, open_people, taking
        self._taking: CaptureSettings | None = None
        self._keyless, self._ask_ns = True, 0
        self._waiting: queue.Queue[tuple[bytes, Pixels]] = queue.Queue(WAITING)
        self._look_ns = 0
        self._alarms = Alarms()
        self._counts = {"stills": 0, "stills_bytes": 0, "stills_taken": 0, "stills_missed": 0, "stills_deleted": 0}
        self._look_for_the_key()

    @property
    def alarms(self) -> tuple[str, ...]:
        """Words for the status."""
        return tuple(self._alarms.words)

    def counters(self) -> dict[str, int]:
        """For the status: how many and how large, about nobody."""
        return dict(self._counts)

    def expire(self) -> None:
        """Delete what is over; a failure is an alarm and tried again, since the record must go on."""
        try:
            with opened(self._path, self._clock.evidence()) as store:
                if store is not None:
                    self._counts["stills_deleted"] += store.expired
                    self._counts["stills"], self._counts["stills_bytes"] = store.totals()
                else:
                    self._counts["stills"] = self._counts["stills_bytes"] = 0
        except EvidenceDamaged as error:
            self._counts["stills"] = self._counts["stills_bytes"] = 0
            self._failed(error)
        except SmartClockerError as error:
            self._failed(error)
        else:
            if not self._keyless:
                self._alarms.end(Alarm.EVIDENCE_FAILING, "evidence images are kept and deleted again")

    def offer(self, stored: Stored, frame: Frame, sight: Sight) -> None:
        """After the cue of a punch: copy the face and go on. Never waits, never raises."""
        if self._taking is None or stored.kind is not Kind.PUNCH or sight.box is None:
            return
        try:
            self._waiting.put_nowait((stored.payload, face_crop.crop(frame.pixels, sight.box)))
        except (queue.Full, ValueError, MemoryError):
            self._counts["stills_missed"] += 1

    def run_once(self, timeout_s: float) -> None:
        """Keep the next, or look whether one is over."""
        if self._clock.monotonic_ns() >= self._look_ns:
            self._look_ns = self._clock.monotonic_ns() + LOOK_MS * 1_000_000
            self.expire()
            self._reconcile()
        self._look_for_the_key()
        try:
            payload, pixels = self._waiting.get(timeout=timeout_s)
        except queue.Empty:
            return
        try:
            kept = self._keep(payload, pixels)
        except (SmartClockerError, OSError, ValueError, MemoryError) as error:
            self._failed(error)
            kept = False
        self._counts["stills_taken" if kept else "stills_missed"] += 1

    def _keep(self, payload: bytes, pixels: Pixels) -> bool:
        taking = self._taking
        if taking is None:
            return False
        record = decode(payload)
        person = str(record.data["person"])
        jpeg = face_crop.encode(pixels, taking.max_edge_px, sealed_image.MAX_IMAGE)
        sealed = sealed_image.seal(record.id, person, record.time.utc, jpeg, taking.key)
        with self._open_people() as people, opened(self._path, self._clock.evidence(), make=True) as store:
            if store is None or person not in people.enrolled():
                return False  # erased in the meantime
            kept = store.keep(record.id, person, record.time, sealed, taking.max_bytes)
            self._counts["stills"], self._counts["stills_bytes"] = store.totals()
        return kept

    def _look_for_the_key(self) -> None:
        """At the start, and every ten seconds: what is sealed is sealed to the key that lies there now."""
        if self._clock.monotonic_ns() < self._ask_ns:
            return
        self._ask_ns = self._clock.monotonic_ns() + _ASK_NS
        try:
            self._taking = self._ask()
        except KeyFileError as error:
            self._taking, self._keyless = None, True
            self._failed(error)
        else:
            if self._keyless:
                self._keyless, self._look_ns = False, 0  # the next look ends the alarm

    def _reconcile(self) -> None:
        """Whatever interrupted an erasure or removed somebody from the roster: they have no image."""
        try:
            with self._open_people() as people, opened(self._path, self._clock.evidence()) as store:
                if store is not None:
                    self._counts["stills_deleted"] += store.remove_all_but(people.enrolled())
                    self._counts["stills"], self._counts["stills_bytes"] = store.totals()
        except SmartClockerError as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._alarms.begin(Alarm.EVIDENCE_FAILING, logging.ERROR, "evidence images: %s", error)
