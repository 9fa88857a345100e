"""When to strike: random instants, more of them where a mistake would hurt. Pure; the seed decides."""

import random
from dataclasses import dataclass
from enum import Enum

LIGHT_BOUND_S = 15.0
"""A mark that does not come within this is not waited for any longer: the kill comes all the same."""


class Mark(Enum):
    """What is waited for."""

    START = "start"
    """Nothing: the victim was just launched."""
    READY = "ready"
    """The terminal has made its boot record and waits for people."""
    LOOKING = "looking"
    """The terminal has seen somebody; the light follows within some 100 ms."""
    LIGHT = "light"
    """A terminal shows an accepting light."""


@dataclass(frozen=True, slots=True)
class Instant:
    """Strike so long after the n-th mark of this life."""

    mark: Mark
    delay_s: float
    number: int = 1


def of_daemon(rng: random.Random) -> Instant:
    """Its start-up, just before a light, just after one, while the record is on its way, and seldom a long life."""
    draw = rng.random()
    if draw < 0.15:
        return Instant(Mark.START, rng.uniform(0, 1.2))
    if draw < 0.35:
        return Instant(Mark.LOOKING, rng.uniform(0, 0.2))
    if draw < 0.75:
        return Instant(Mark.LIGHT, min(rng.expovariate(1 / 0.008), 0.1))
    if draw < 0.95:
        return Instant(Mark.LIGHT, rng.uniform(0, 0.6))
    return Instant(Mark.LIGHT, rng.uniform(0, 0.1), rng.randint(2, 3))


def of_broker(rng: random.Random) -> Instant:
    """Its start-up, while records and receipts are on their way, and any time."""
    return _of_service(rng, startup_s=0.06)


def of_ledger(rng: random.Random) -> Instant:
    """Its start-up, between a record's arrival and its receipt, and any time."""
    return _of_service(rng, startup_s=0.8)


def _of_service(rng: random.Random, startup_s: float) -> Instant:
    draw = rng.random()
    if draw < 0.12:
        return Instant(Mark.START, rng.uniform(0, startup_s))
    if draw < 0.65:
        return Instant(Mark.LIGHT, rng.uniform(0, 0.12))
    return Instant(Mark.START, rng.uniform(startup_s, startup_s + 2.2))
