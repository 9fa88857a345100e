"""The drawing of the terminal's states in docs/states.md, made from the table in the code; `make docs` writes it.

It is a Mermaid diagram, which the usual viewers of Markdown draw, and which can be read as text. An event that many
states have is drawn from one of them; a table below the drawing has them all.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import get_args, get_type_hints

from edge.domain.attendance.cues import CUES
from edge.domain.attendance.states import DEADLINES_MS, TABLE, Event, Situation, State

PAGE = Path(__file__).resolve().parents[2] / "docs/states.md"
BEGIN, END = "<!-- written by `make docs` -->", "<!-- end -->"
_NO_CHOICE = {"state", "deadline_ms", "shown"}
"""The fields of a situation that are not tried out: with `shown`, LENT shows any cue."""
_MANY = 3
"""From so many sources on, an event is drawn from one of them: more arrows than that cannot be followed."""


def diagram(table: Mapping[tuple[State, Event], State]) -> str:
    """The drawing: each state with its time limit, and the events that lead from one to another."""
    arrows = [
        f"    {_name(source)} --> {_name(target)}: {event}"
        for (event, target), sources in _grouped(table).items()
        for source in (sources if event is Event.DEADLINE or len(sources) < _MANY else _usual(sources))
        if source is not target
    ]
    states = [f'    state "{state}{_limit(state)}" as {_name(state)}' for state in State]
    start = f"    [*] --> {_name(State.STARTING)}"
    return "\n".join(["```mermaid", "stateDiagram-v2", *states, start, *arrows, "```"])


def common_events(table: Mapping[tuple[State, Event], State]) -> str:
    """A table of the events that many states have."""
    rows = [
        f"| `{event}` | `{target}` | {_sources(sources)} |"
        for (event, target), sources in _grouped(table).items()
        if len(sources) >= _MANY and event is not Event.DEADLINE
    ]
    return "\n".join(["| event | leads to | from |", "|---|---|---|", *rows])


def states_and_cues() -> str:
    """A table of the states, with the time limit and the cues that each can show."""
    rows = [f"| `{state}` | {_limit(state).strip(', ') or 'none'} | {_cues(state)} |" for state in State]
    return "\n".join(["| state | time limit | cue |", "|---|---|---|", *rows])


def written() -> str:
    """What stands between BEGIN and END on the page."""
    return "\n\n".join([BEGIN, diagram(TABLE), common_events(TABLE), states_and_cues(), END])


def page(text: str) -> str:
    """The page with the drawing as the code is today."""
    head, _, rest = text.partition(BEGIN)
    return head + written() + rest.partition(END)[2]


def _grouped(table: Mapping[tuple[State, Event], State]) -> dict[tuple[Event, State], list[State]]:
    found: defaultdict[tuple[Event, State], list[State]] = defaultdict(list)
    for (source, event), target in table.items():
        found[event, target].append(source)
    return dict(found)


def _usual(sources: list[State]) -> list[State]:
    """The state in which an event that many states have mostly happens."""
    return [State.LOOKING] if State.LOOKING in sources else sources[:1]


def _sources(sources: list[State]) -> str:
    if set(sources) == set(State):
        return "every state"
    missing = [state for state in State if state not in sources]
    if len(missing) < len(sources):
        return "every state but " + ", ".join(f"`{state}`" for state in missing)
    return ", ".join(f"`{state}`" for state in sources)


def _cues(state: State) -> str:
    """The cues that a state can show, found by trying everything that a situation can be about."""
    if state is State.LENT:
        return "the cue that the action asks for, with amber beside green"
    found = {situation.cue for situation in _situations(state)}
    return ", ".join(f"`{cue}`" for cue in CUES if cue in found)


def _situations(state: State) -> Iterator[Situation]:
    """Every situation of a state: all that its fields can be about, put together."""
    kinds = {name: kind for name, kind in get_type_hints(Situation).items() if name not in _NO_CHOICE}
    choices = [
        [one for part in get_args(kind) if issubclass(part, StrEnum) for one in part] for kind in kinds.values()
    ]
    for values in product(*([*choice, None] for choice in choices)):
        situation = Situation(state, None, **dict(zip(kinds, values, strict=True)))
        if situation.fault is None or state is State.OUT_OF_SERVICE:
            yield situation


def _limit(state: State) -> str:
    limit = DEADLINES_MS.get(state)
    return "" if limit is None else f", {limit / 1000:g} s"


def _name(state: State) -> str:
    return state.name.lower()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
