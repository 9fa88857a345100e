"""One evidence image for each punch, if the employer opted in: taken after the cue, on a thread of its own, so that
no punch waits for it.

A failure here costs an image and is counted; no punch is delayed or refused. Deleting comes first: at the start
before anything else, then every ten minutes, even if no more images are taken.
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
"""Number of pictures in memory that may wait for the disk; when there are more, the next punch has no image."""
_ASK_NS = 10_000_000_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Settings for taking images."""

    key: PublicKey
    """The employer's public key; the terminal never has the private key."""
    max_bytes: int
    """Greatest size of the store's file."""
    max_edge_px: int


class ImageCapture:
    """Takes and expires evidence images. The attending thread calls `offer`, the worker calls everything else;
    `expire` is called once before both.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        open_people: Callable[[], People],
        taking: Callable[[], CaptureSettings | None],
    ) -> None:
        """`taking` returns the settings; None means that kept images are deleted on their day and none is added.

        `taking` is called again and again, because a key may be replaced (when somebody else knows its private
        half) or removed. It raises KeyFileError for a key that cannot be used.
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
        """Alarm words for the status."""
        return tuple(self._alarms.words)

    def counters(self) -> dict[str, int]:
        """Counters for the status: the number and size of images, about nobody."""
        return dict(self._counts)

    def expire(self) -> None:
        """Delete the images whose time is over. A failure is an alarm and is tried again; punching goes on."""
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
        """Copy the face of a punch, after its cue. Never waits, never raises."""
        if self._taking is None or stored.kind is not Kind.PUNCH or sight.box is None:
            return
        try:
            self._waiting.put_nowait((stored.payload, face_crop.crop(frame.pixels, sight.box)))
        except (queue.Full, ValueError, MemoryError):
            self._counts["stills_missed"] += 1

    def run_once(self, timeout_s: float) -> None:
        """Keep the next image, and delete those whose time is over."""
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
                return False  # the person was erased in the meantime
            kept = store.keep(record.id, person, record.time, sealed, taking.max_bytes)
            if kept and person not in people.enrolled():  # erased since: its erasure found no image yet
                store.remove(person)
                kept = False
            self._counts["stills"], self._counts["stills_bytes"] = store.totals()
        return kept

    def _look_for_the_key(self) -> None:
        """Load the key at the start and every ten seconds: images are sealed to the key that lies there now."""
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
        """Delete the images of people who are not enrolled; an erasure that was interrupted may have left some."""
        try:
            with self._open_people() as people, opened(self._path, self._clock.evidence()) as store:
                if store is not None:
                    self._counts["stills_deleted"] += store.remove_all_but(people.enrolled())
                    self._counts["stills"], self._counts["stills_bytes"] = store.totals()
        except SmartClockerError as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._alarms.begin(Alarm.EVIDENCE_FAILING, logging.ERROR, "evidence images: %s", error)
