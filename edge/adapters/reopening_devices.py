"""Lights, lamp, reader and buttons that may be missing or fail while the terminal goes on: each is opened again.

A part that punching can do without must not take punching along: a restart would, again and again. What fails is
said once in the log, is an alarm as long as it lasts (docs/adr/0010-what-fails-alone.md), and is tried again.
"""

import logging
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from edge.domain.attendance.cues import DARK, Cue, Lights
from edge.domain.attendance.presses import ContactChange
from edge.domain.people.credentials import Read
from edge.errors import SmartClockerError
from edge.ports import Buttons, Reader, Signals, Strobe

_log = logging.getLogger(__name__)
RETRY_S = 10.0
"""Between two attempts to open a part."""
Part = TypeVar("Part")


class Care(Generic[Part]):
    """One part: held while it works, opened again when it is time. One thread uses it, any may read `failing`."""

    def __init__(self, name: str, make: Callable[[], Part | None], now_s: Callable[[], float]) -> None:
        """`make` opens the part anew; it raises SmartClockerError or another OSError."""
        self.failing = False
        """Whether it could not be opened, or failed since."""
        self._name, self._make, self._now_s = name, make, now_s
        self._part: Part | None = None
        self._try_at, self._said = float("-inf"), ""

    def part(self) -> Part | None:
        """The part, opened if it is time to try; None while it cannot be used."""
        if self._part is None and self._now_s() >= self._try_at:
            self._try_at = self._now_s() + RETRY_S
            try:
                self._part = self._make()
            except (SmartClockerError, OSError) as error:
                self._fails(error)
        return self._part

    def lost(self, error: Exception, release: Callable[[Part], None]) -> None:
        """It failed in use: let it go and try again later."""
        part, self._part = self._part, None
        self._try_at = self._now_s() + RETRY_S
        self._fails(error)
        if part is not None:
            self._release(part, release)

    def works(self) -> None:
        """It did what it was asked to."""
        if self.failing:
            _log.warning("%s: mended", self._name)
            self.failing, self._said = False, ""

    def close(self, release: Callable[[Part], None]) -> None:
        """Let it go for good; safe to call twice."""
        part, self._part, self._try_at = self._part, None, float("inf")
        if part is not None:
            self._release(part, release)

    def _release(self, part: Part, release: Callable[[Part], None]) -> None:
        try:
            release(part)
        except (SmartClockerError, OSError) as error:
            _log.debug("%s: could not be let go: %s", self._name, error)

    def _fails(self, error: Exception) -> None:
        # Each cause once until it works: it may last for a weekend.
        if str(error) != self._said:
            self._said = str(error)
            _log.error("%s, without which punching goes on: %s", self._name, error)
        self.failing = True


class CaredSignals:
    """The Signals port: dark and silent while the lights cannot be driven, and right again as soon as they can."""

    def __init__(self, make: Callable[[], Signals], now_s: Callable[[], float] = time.monotonic) -> None:
        self._care: Care[Signals] = Care("lights and buzzer", make, now_s)
        self._lights = DARK
        self._care.part()

    @property
    def failing(self) -> bool:
        """Whether they cannot be driven."""
        return self._care.failing

    def announce(self, cue: Cue) -> None:
        """Draw the cue, where it is drawn."""
        self._do(lambda signals: signals.announce(cue))

    def apply(self, lights: Lights) -> None:
        """Set the outputs, now or as soon as it can be done."""
        self._lights = lights
        self._do(lambda signals: signals.apply(lights))

    def look(self) -> None:
        """Every so often: open what failed, and light what should be lit."""
        if self._care.failing:
            self._do(lambda signals: signals.apply(self._lights))

    def close(self) -> None:
        """All outputs off and released; safe to call twice."""
        self._care.close(lambda signals: signals.close())

    def _do(self, act: Callable[[Signals], None]) -> None:
        signals = self._care.part()
        if signals is None:
            return
        try:
            act(signals)
        except (SmartClockerError, OSError) as error:
            self._care.lost(error, lambda one: one.close())
        else:
            self._care.works()


class CaredStrobe:
    """The Strobe port: a lamp that fails stays dark, and its layer then finds nothing and says nothing."""

    def __init__(self, make: Callable[[], Strobe | None], now_s: Callable[[], float] = time.monotonic) -> None:
        self._care: Care[Strobe] = Care("the infrared lamp", make, now_s)
        self._care.part()

    @property
    def failing(self) -> bool:
        """Whether it cannot be driven."""
        return self._care.failing

    def light(self, lit: bool) -> None:
        """On or off, at once, if that is possible."""
        strobe = self._care.part()
        if strobe is None:
            return
        try:
            strobe.light(lit)
        except (SmartClockerError, OSError) as error:
            self._care.lost(error, lambda one: one.close())
        else:
            self._care.works()

    def close(self) -> None:
        """Dark, and released; safe to call twice."""
        self._care.close(lambda strobe: strobe.close())


Found_co = TypeVar("Found_co", covariant=True)


class Source(Protocol[Found_co]):
    """The ports that are opened and read: readers and buttons."""

    def open(self) -> None:
        """Take hold of it."""

    def read(self, timeout_s: float) -> Found_co | None:
        """The next of what it reads."""

    @property
    def away(self) -> bool:
        """Whether it cannot be used now."""

    def close(self) -> None:
        """Let go."""


class CaredSource(Generic[Found_co]):
    """A port that is read: what is busy, forbidden or gone is opened again, and faces go on meanwhile."""

    def __init__(
        self, name: str, make: Callable[[], Source[Found_co] | None], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`name` is for the log; `make` makes the device, which is opened here."""
        self._care: Care[Source[Found_co]] = Care(name, lambda: _opened(make()), now_s)
        self._away = False

    @property
    def failing(self) -> bool:
        """Whether it, or one of its devices, is not there or cannot be used."""
        return self._care.failing or self._away

    @property
    def away(self) -> bool:
        """The same, as the port has it."""
        return self.failing

    def open(self) -> None:
        """Take hold of it, now or later."""
        self._care.part()

    def read(self, timeout_s: float) -> Found_co | None:
        """The next of what it reads; None when none came in time, or while it cannot be used."""
        source = self._care.part()
        if source is None:
            time.sleep(timeout_s)
            return None
        try:
            read = source.read(timeout_s)
            self._away = source.away
        except (SmartClockerError, OSError) as error:
            self._care.lost(error, lambda one: one.close())
            return None
        self._care.works()
        return read

    def close(self) -> None:
        """Let go; safe to call twice, and without open."""
        self._care.close(lambda source: source.close())


class CaredReader(CaredSource[Read]):
    """The Reader port."""

    def __init__(self, make: Callable[[], Reader | None], now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__("the badge reader", make, now_s)


class CaredButtons(CaredSource[ContactChange]):
    """The Buttons port."""

    def __init__(self, make: Callable[[], Buttons | None], now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__("the buttons", make, now_s)


def _opened(source: Source[Found_co] | None) -> Source[Found_co] | None:
    if source is not None:
        try:
            source.open()
        except BaseException:
            source.close()
            raise
    return source
