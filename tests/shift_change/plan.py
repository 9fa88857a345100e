"""The plan of a change of shifts: who comes to which door, when, and by which way. The same seed, the same plan."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from edge.domain.people.credentials import pin_problem
from tests.shift_change.faces import Face

DOORS = ("north", "south")


class Way(StrEnum):
    """How somebody punches."""

    FACE = "face"
    BADGE = "badge"
    PIN = "pin"


_WAYS = (*(Way.FACE, Way.BADGE, Way.FACE, Way.PIN, Way.FACE), *(Way.BADGE, Way.FACE, Way.PIN, Way.FACE, Way.BADGE))
"""The ways of ten people: 5 by face, 3 by badge, 2 by PIN."""
LEAVING = 5
"""One in so many, of those who came first, leaves again at the end, by the other door."""


@dataclass
class Person:
    """Somebody on the staff."""

    key: str
    way: Way
    face: Face
    badge: str
    number: str
    pin: str
    id: str = ""
    """The person's id, once they are enrolled."""


@dataclass
class Stranger:
    """Somebody whom nobody has enrolled. They stay, and try a badge and a PIN that are nobody's."""

    key: str
    face: Face
    badge: str
    number: str


@dataclass(frozen=True)
class Visit:
    """Somebody comes to a door; a stranger only tries the reader, and is before the camera all the time."""

    at_s: float
    """Seconds from the beginning."""
    door: str
    who: Person | Stranger
    way: Way
    leaving: bool = False


@dataclass
class Plan:
    """Everything that will happen."""

    seconds: float
    window_s: float
    """The terminals' duplicate window."""
    staff: list[Person]
    strangers: list[Stranger]
    visits: list[Visit] = field(default_factory=list)

    def strangers_at(self, door: str) -> list[Stranger]:
        """The strangers who stay at a door."""
        return self.strangers[DOORS.index(door) :: len(DOORS)]


def ways(count: int) -> list[Way]:
    """The way of each of `count` people."""
    return [_WAYS[number % len(_WAYS)] for number in range(count)]


def make(staff: list[Face], strangers: list[Face], seconds: float, seed: int) -> Plan:
    """The plan for these people; everybody comes once, and the first fifth leaves by the other door."""
    rng = np.random.default_rng(seed)
    people = [
        Person(f"p{n:03}", way, face, f"47{n:06}", f"{10_000 + n}", _pin(rng))
        for n, (face, way) in enumerate(zip(staff, ways(len(staff)), strict=True))
    ]
    others = [Stranger(f"stranger{n}", face, f"99{n:06}", f"{90_000 + n}") for n, face in enumerate(strangers)]
    plan = Plan(seconds, min(60.0, seconds / 2), people, others)
    slot = seconds / len(people)
    for first in range(0, len(people), len(DOORS)):
        doors = rng.permutation(DOORS).tolist()
        for offset, person in enumerate(people[first : first + len(DOORS)]):
            at_s = (first + offset + float(rng.uniform())) * slot
            plan.visits.append(Visit(at_s, doors[offset], person, person.way))
    came = {visit.who.key: visit for visit in plan.visits}
    for number, person in enumerate(people[: max(len(people) // LEAVING, 1)]):
        other = DOORS[1 - DOORS.index(came[person.key].door)]
        plan.visits.append(Visit(seconds + number * slot, other, person, person.way, leaving=True))
    for number, stranger in enumerate(others):
        door = DOORS[number % len(DOORS)]
        for share, way in ((0.2, Way.BADGE), (0.5, Way.PIN), (0.7, Way.BADGE)):
            at_s = seconds * (share + 0.2 * number / max(len(others), 1))
            plan.visits.append(Visit(at_s, door, stranger, way))
    plan.visits.sort(key=lambda visit: visit.at_s)
    return plan


def _pin(rng: np.random.Generator) -> str:
    while pin_problem(pin := f"{rng.integers(1_000_000):06}") is not None:
        pass
    return pin
