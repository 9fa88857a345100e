"""Ports: the interfaces that the terminal needs. Each has shipped adapters, and one contract test over all of
them.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from edge.domain.attendance.cues import Cue, Lights
from edge.domain.attendance.presses import ContactChange
from edge.domain.people.credentials import Read
from edge.domain.time.evidence import TimeEvidence

if TYPE_CHECKING:
    from edge.domain.camera.identity import CameraIdentity
    from edge.domain.face import Frame  # needs numpy, which the centre's uplink does without


class Camera(Protocol):
    """A source of frames. One thread opens, reads and closes it."""

    def open(self) -> None:
        """Start it. Raises CameraError with the cure."""

    def read(self, timeout_s: float) -> "Frame | None":
        """Wait for the next frame; None when none came in time, which shows a stall. Raises CameraError."""

    def expose(self, ev: float) -> None:
        """From one of the next frames on, use so many stops (-2 to 2) more light than the automatic exposure.
        Raises CameraError.
        """

    def identify(self) -> "CameraIdentity":
        """Which camera it is, open or not. Raises CameraError when none is there."""

    def close(self) -> None:
        """Stop it; safe to call twice, and without open."""


class Signals(Protocol):
    """LEDs and a buzzer, or a drawing of them. One thread calls it."""

    def announce(self, cue: Cue) -> None:
        """A new cue begins: for adapters that draw or print it. GPIO ignores it."""

    def apply(self, lights: Lights) -> None:
        """Set every output to this, at once. Raises SignalsError."""

    def close(self) -> None:
        """Switch all outputs off and release them; safe to call twice."""


class Strobe(Protocol):
    """An infrared lamp beside the camera. One thread lights and closes it; it begins dark."""

    def light(self, lit: bool) -> None:
        """Switch it on or off, at once. Raises SignalsError."""

    def close(self) -> None:
        """Switch it off and release it; safe to call twice."""


class Reader(Protocol):
    """Card readers and keypads. One thread opens, reads and closes it."""

    def open(self) -> None:
        """Open the devices. A device that is away now may come later: that is no error. Raises ReaderError."""

    def read(self, timeout_s: float) -> Read | None:
        """The next badge, or line of a keypad; None when none came in time. Raises ReaderError."""

    @property
    def away(self) -> bool:
        """Whether a device is not there, or cannot be used now; any thread may ask."""

    def close(self) -> None:
        """Release the devices; safe to call twice, and without open."""


class Buttons(Protocol):
    """The buttons IN, OUT and BREAK, the tamper switch, and the motion sensor. One thread opens, reads and closes
    them.
    """

    def open(self) -> None:
        """Take hold of them. A contact that is active already, as an opened box is, is told before any change.
        Raises ButtonsError.
        """

    def read(self, timeout_s: float) -> ContactChange | None:
        """The next change of a contact; None when none came in time. Raises ButtonsError."""

    @property
    def away(self) -> bool:
        """Whether they are not there, or cannot be used now; any thread may ask."""

    def close(self) -> None:
        """Release them; safe to call twice, and without open."""


class Clock(Protocol):
    """The clock: the only way to learn the time."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that is never set back; for deadlines and latencies."""

    def evidence(self) -> TimeEvidence:
        """Everything known about the wall clock now."""


class Notifier(Protocol):
    """The service manager."""

    def ready(self, status: str) -> None:
        """Start-up is complete."""

    def slow(self, seconds: float) -> None:
        """The start goes on, and may take so much longer."""

    def watchdog(self) -> None:
        """Every loop made progress."""

    def stopping(self) -> None:
        """Shutdown has begun."""

    @property
    def watchdog_s(self) -> float | None:
        """The manager's limit between two `watchdog` calls, in seconds; None when it sets none."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted us; `session_present` when it kept our subscriptions and queue."""

    session_present: bool
    denied: tuple[str, ...] = ()
    """The optional subscriptions that it refused."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection ended or could not be made; reconnecting goes on by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered a publish (PUBACK). `refused` names its reason code when that is a failure."""

    token: int
    refused: str | None
    unheard: bool = False
    """The broker took the message and dropped it: nobody is subscribed, and nobody has a session that is."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something arrived on a subscribed topic. Nothing about it is trusted yet."""

    topic: str
    payload: bytes


UplinkEvent = Connected | Disconnected | Acknowledged | Message


class Uplink(Protocol):
    """The broker, as one loop sees it: commands go in, events come out, and no call blocks for long."""

    def start(self) -> None:
        """Begin to connect, and keep reconnecting with a jittered back-off: no failure of it is an error here."""

    @property
    def unusable(self) -> bool:
        """Whether certificate, key or CA could not be used at the last attempt; any thread may ask."""

    @property
    def faults(self) -> int:
        """Number of connections that ended by an error that nobody foresaw; any thread may ask."""

    def publish(self, topic: str, payload: bytes, *, token: int, retain: bool = False) -> bool:
        """Hand one QoS 1 message to the wire; an Acknowledged with this token follows.

        False when not connected, or when too much waits for the broker: nothing is queued.
        """

    def refresh(self) -> bool:
        """Have the broker send again all that it retains for us; False when not connected."""

    def renew(self) -> bool:
        """End this connection and begin a new session at the broker, without what it held for us.

        False when not connected.
        """

    def next_event(self, timeout_s: float) -> UplinkEvent | None:
        """The next event in order; None when there is none in time, or when `wake` was called."""

    def handled(self) -> None:
        """Say that all messages that were taken are stored or done with. Until then the broker keeps them, and
        sends them again after a loss of power.
        """

    def wake(self) -> None:
        """Make a waiting `next_event` return None now; from any thread."""

    def stop(self) -> None:
        """Disconnect cleanly (no last will) and end the thread; bounded by two seconds."""

    def __enter__(self) -> Self:
        """Starts."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
