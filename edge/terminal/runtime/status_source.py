"""Sources of the retained status: each part of the program reports its alarms and its counters, about nobody."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from edge.terminal.runtime.alarms import Alarm


class StatusSource(Protocol):
    """A part of the program that reports. The publishing thread reads both, whatever thread the part is on."""

    @property
    def alarms(self) -> Collection[str]:
        """The words of `Alarm`, `Fault` and the journal that stand now."""

    def counters(self) -> Mapping[str, int | float | str]:
        """Counters by their names in docs/protocol.md."""


class StatusSources:
    """Several sources as one."""

    def __init__(self, *sources: StatusSource | None) -> None:
        """A source that is None is a part that this terminal does not have."""
        self._sources: list[StatusSource] = []
        self.add(*sources)

    def add(self, *sources: StatusSource | None) -> None:
        """Add sources, before the first is read."""
        self._sources += [one for one in sources if one is not None]

    @property
    def alarms(self) -> frozenset[str]:
        """The alarms of all sources."""
        return frozenset(word for one in self._sources for word in one.alarms)

    def counters(self) -> dict[str, int | float | str]:
        """The counters of all sources."""
        return {name: value for one in self._sources for name, value in one.counters().items()}


class AlarmConditions:
    """Alarm words, each with a function that tells whether it stands."""

    def __init__(self, conditions: Mapping[Alarm, Callable[[], bool]]) -> None:
        self._conditions = conditions

    @property
    def alarms(self) -> tuple[str, ...]:
        """The words that stand now."""
        return tuple(word for word, stands in self._conditions.items() if stands())

    def counters(self) -> dict[str, int]:
        """Empty: conditions have no counters."""
        return {}
