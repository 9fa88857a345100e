"""Where to cut and what survives: the extremes at every point, and seeded chance in between.

A cut at `at` is: the first `at` events of the recording have happened, the next has not.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.crash.powercut.disk import SECTOR, Choice, Naming, Operation, Resize, Write
from tests.crash.powercut.trace import Change, Event, Named, Said, Sync

_Survivors = Sequence[Operation]


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """One state of one recording; together with the recording it is the same in every run."""

    at: int
    mode: str
    """`all` or `nothing` of what was not synced survives, all but one half of a header (`torn`), or `mixed`."""
    seed: int = 0
    """Of `mixed`; which half of `torn`."""

    def choice(self) -> Choice:
        if self.mode == "torn":
            return _Torn(self.seed)
        return _Mixed(self.seed) if self.mode == "mixed" else _Extreme(self.mode == "all")

    def __str__(self) -> str:
        return f"{self.at}:{self.mode}:{self.seed}"

    @classmethod
    def parse(cls, text: str) -> "Cut":
        """What `str` wrote. Raises ValueError."""
        at, mode, seed = text.split(":")
        if mode not in {"all", "nothing", "torn", "mixed"}:
            raise ValueError(f"{text}: the middle is all, nothing, torn or mixed")
        return cls(int(at), mode, int(seed))


def plan(events: Sequence[Event], count: int, seed: int) -> list[Cut]:
    """So many different cuts, in order.

    Half of them at most are extremes: `nothing` just before each sync returns, when most is at stake, and `all`
    after each change; when there are more such points than that, a random part of them. Every header that the end
    of a sector divides loses either half. Of the rest more are near syncs, namings, and writes that are no plain
    appending to the write-ahead file.
    """
    rng = random.Random(seed)
    after = [number + 1 for number, event in enumerate(events) if isinstance(event, Change | Named)]
    before_sync = [number for number, event in enumerate(events) if isinstance(event, Sync)]
    # Whatever was said before the next change counts at the same disk: the latest point is the strictest.
    extremes = {Cut(_latest(events, at), "all") for at in (0, *after)}
    extremes |= {Cut(at, "nothing") for at in (*before_sync, len(events))}
    chosen = set(extremes)
    if len(extremes) > count // 2:
        chosen = set(rng.sample(sorted(extremes), count // 2))
    torn = {Cut(at, "torn", half) for at, headers in _divided(events).items() for half in range(2 * headers)}
    chosen |= set(rng.sample(sorted(torn), min(len(torn), count // 4)))
    points = [_latest(events, at) for at in after] + before_sync
    weights = [_weight(events, at) for at in points]
    while len(chosen) < count:
        (at,) = rng.choices(points, weights)
        chosen.add(Cut(at, "mixed", rng.randrange(1 << 32)))
    return sorted(chosen)


def _divided(events: Sequence[Event]) -> dict[int, int]:
    """How many headers in two sectors are unsynced just before each sync returns."""
    counts: dict[int, int] = {}
    unsynced: dict[str, int] = {}
    for number, event in enumerate(events):
        if isinstance(event, Change) and _is_divided(event.operation):
            unsynced[event.path] = unsynced.get(event.path, 0) + 1
        elif isinstance(event, Sync) and (headers := unsynced.pop(event.path, 0)):
            counts[number] = headers
    return counts


def _latest(events: Sequence[Event], at: int) -> int:
    while at < len(events) and isinstance(events[at], Said):
        at += 1
    return at


def _weight(events: Sequence[Event], at: int) -> int:
    """How interesting it is to be cut off here: what happens next, and what happened last."""
    return 1 + sum(map(_interest, events[max(0, at - 6) : at + 1]))


def _interest(event: Event) -> int:
    if isinstance(event, Named):
        return 4
    if not isinstance(event, Change):
        return 1 if isinstance(event, Sync) else 0
    if not event.path.endswith("-wal") or isinstance(event.operation, Resize) or event.operation.at == 0:
        return 4
    return 8 if _is_divided(event.operation) else 0


@dataclass(frozen=True, slots=True)
class _Extreme:
    everything: bool

    def operations(self, pending: _Survivors) -> _Survivors:
        return pending if self.everything else ()

    def namings(self, pending: Sequence[Naming]) -> int:
        return len(pending) if self.everything else 0


@dataclass(frozen=True, slots=True)
class _Torn:
    half: int
    """Counted over the divided headers of each file, two to each."""

    def operations(self, pending: _Survivors) -> _Survivors:
        header, half = divmod(self.half, 2)
        places = [place for place, one in enumerate(pending) if _is_divided(one)][header : header + 1]
        alive: list[Operation] = []
        for place, one in enumerate(pending):
            alive += [_pieces([one])[1 - half]] if place in places else [one]
        return alive

    def namings(self, pending: Sequence[Naming]) -> int:
        return len(pending)


class _Mixed:
    """Each file meets a fate of its own, each directory keeps any beginning of its namings."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def operations(self, pending: _Survivors) -> _Survivors:
        return self._rng.choice(_FATES)(pending, self._rng)

    def namings(self, pending: Sequence[Naming]) -> int:
        return self._rng.choice((0, len(pending), self._rng.randint(0, len(pending))))


def _nothing(_pending: _Survivors, _rng: random.Random) -> _Survivors:
    return ()


def _all(pending: _Survivors, _rng: random.Random) -> _Survivors:
    return pending


def _longer(pending: _Survivors, _rng: random.Random) -> _Survivors:
    """The lengths survive, no byte of the data does."""
    return [Resize(one.end, least=True) if isinstance(one, Write) else one for one in pending]


def _last(pending: _Survivors, _rng: random.Random) -> _Survivors:
    return pending[-1:]


def _all_but_one(pending: _Survivors, rng: random.Random) -> _Survivors:
    lost = rng.randrange(len(pending))
    return [one for number, one in enumerate(pending) if number != lost]


def _one_sector_lost(pending: _Survivors, rng: random.Random) -> _Survivors:
    pieces = _pieces(pending)
    del pieces[rng.randrange(len(pieces))]
    return pieces


def _torn_small(pending: _Survivors, rng: random.Random) -> _Survivors:
    """Of the writes shorter than a sector, headers that much hangs on, one is torn or lost; the rest survives."""
    small = [number for number, one in enumerate(pending) if _is_small(one)]
    if not small:
        return _one_sector_lost(pending, rng)
    number = rng.choice([number for number in small if _is_divided(pending[number])] or small)
    pieces = _pieces([pending[number]])
    del pieces[rng.randrange(len(pieces))]
    return [*pending[:number], *pieces, *pending[number + 1 :]]


def _one_sector_survives(pending: _Survivors, rng: random.Random) -> _Survivors:
    return [rng.choice(_pieces(pending))]


def _prefix(pending: _Survivors, rng: random.Random) -> _Survivors:
    """In order, the last one torn."""
    pieces = _pieces(pending)
    return pieces[: rng.randrange(len(pieces))]


def _any(pending: _Survivors, rng: random.Random) -> _Survivors:
    """Any sectors of any operations; a write that is lost may still have made the file longer."""
    share, kept = rng.choice((0.1, 0.5, 0.9, 0.98)), list[Operation]()
    for one in pending:
        pieces = _pieces([one])
        alive = [piece for piece in pieces if rng.random() < share]
        if len(alive) < len(pieces) and isinstance(one, Write) and rng.random() < 0.3:
            alive.insert(0, Resize(one.end, least=True))
        kept += alive
    return kept


_FATES: tuple[Callable[[_Survivors, random.Random], _Survivors], ...] = (
    _nothing, _all, _longer, _last, _all_but_one, _one_sector_lost, _torn_small, _one_sector_survives, _prefix,
    _any,
)  # fmt: skip


def _is_small(one: Operation) -> bool:
    return isinstance(one, Write) and len(one.data) < SECTOR


def _is_divided(one: Operation) -> bool:
    """Whether it is a header that lies in two sectors."""
    return _is_small(one) and len(_pieces([one])) == 2


def _pieces(pending: _Survivors) -> list[Operation]:
    pieces: list[Operation] = []
    for one in pending:
        pieces += one.sectors() if isinstance(one, Write) else (one,)
    return pieces
