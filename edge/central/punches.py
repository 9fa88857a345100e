"""The hours view: each punch as it counts, beside what was recorded. Nothing is changed or kept for it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from edge.central.localtime import local
from edge.central.rows import ChainRow
from edge.central.store import Store
from edge.domain.corrections import Effective, effective
from edge.domain.kinds import Kind
from edge.domain.placement import Anchors, Mark, Placement, place
from edge.domain.records import Origin, Record, decode

CORRECTED = "corrected"
"""The mark of a moment that people agreed on, beside those of `edge.domain.placement.Mark`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which punches; None for all."""

    site: str | None = None
    terminal: str | None = None
    person: str | None = None
    first: date | None = None
    """By the local date of the punch, both days included."""
    last: date | None = None

    def here(self, origin: Origin) -> bool:
        """Whether a terminal is meant."""
        return self.site in {None, origin.site} and self.terminal in {None, origin.terminal}

    def then(self, day: str) -> bool:
        """Whether a local date, as ISO text, is meant."""
        return (self.first is None or str(self.first) <= day) and (self.last is None or day <= str(self.last))


@dataclass(frozen=True, slots=True)
class Punch:
    """One line of the view."""

    id: str
    """Of the original record; of the correction for one that was added or changes nothing."""
    person: str
    site: str
    terminal: str
    state: str
    """What corrections made of it (`edge.domain.corrections.State`)."""
    direction: str | None
    """What counts; None when nothing does."""
    at: str | None
    """RFC 3339 UTC; None when nothing counts."""
    local: str
    """The same at the terminal's place, with its offset; for what does not count, when it was recorded."""
    zone: str
    mark: str
    """How `at` was found: a word of `Mark`, or CORRECTED."""
    uncertainty_ms: int | None
    recorded: str
    """What the record itself says."""
    correction: str | None
    """The id of the correction that decides."""
    disputed: bool
    note: str | None


def punches(store: Store, wanted: Wanted) -> list[Punch]:
    """By time and id. Every stored record counts, those behind a gap too. Raises LedgerError."""
    return _Reading(store).view(wanted)


class _Reading:
    """One pass over the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._origins = {terminal.id: terminal.origin for terminal in store.terminals()}
        self._chains: dict[tuple[str, str], list[ChainRow]] = defaultdict(list)
        for chain in store.chains():
            self._chains[self._origins[chain.terminal].terminal, chain.epoch].append(chain)

    def view(self, wanted: Wanted) -> list[Punch]:
        corrections = {one.id: one for one in self._of_kind(Kind.CORRECTION, wanted.person)}
        recorded = {one.id: one for one in self._punches(wanted)}
        recorded |= {one.id: one for one in self._targets(corrections.values(), recorded)}
        everything = recorded | corrections
        placements = self._place(everything.values())
        seen = {
            name: replace(one, time=replace(one.time, utc=placements[name].utc)) for name, one in everything.items()
        }
        views = effective((seen[name] for name in recorded), (seen[name] for name in corrections))
        rows = (_row(view, everything[view.id], placements[view.id]) for view in views)
        return [row for row in rows if wanted.here(Origin(row.site, row.terminal)) and wanted.then(row.local[:10])]

    def _punches(self, wanted: Wanted) -> Iterator[Record]:
        if wanted.person is not None:
            yield from (one for one in self._of_kind(Kind.PUNCH, wanted.person) if wanted.here(one.origin))
            return
        for chain in (one for chains in self._chains.values() for one in chains):
            if wanted.here(self._origins[chain.terminal]):
                for (payload,) in self._store.select(_OF_CHAIN, (chain.id, Kind.PUNCH)):
                    yield decode(payload)

    def _of_kind(self, kind: Kind, person: str | None) -> Iterator[Record]:
        if person is not None:
            rows = self._store.select(_OF_PERSON, (person, kind))
        else:
            rows = self._store.select(f"SELECT payload FROM records WHERE kind = '{kind}'")  # noqa: S608 - a word of ours
        for (payload,) in rows:
            yield decode(payload)

    def _targets(self, corrections: Iterable[Record], known: dict[str, Record]) -> Iterator[Record]:
        """What corrections point at, at whatever terminal: without it they would seem to point at nothing."""
        for name in {one.data["corrects"] for one in corrections} - {None, *known}:
            terminal, epoch, seq = name.split("/")
            for chain in self._chains.get((terminal, epoch), []):
                entry = self._store.entry(chain, int(seq))
                if entry is not None and entry.kind == Kind.PUNCH:
                    yield decode(entry.payload)

    def _place(self, records: Iterable[Record]) -> dict[str, Placement]:
        records = list(records)
        boots = {(one.origin, one.time.boot_id) for one in records if not one.time.synchronised}
        anchors = {origin: Anchors() for origin, _ in boots}
        for origin, boot in sorted(boots, key=repr):
            for chain in (one for chains in self._chains.values() for one in chains):
                if self._origins[chain.terminal] == origin:
                    for (payload,) in self._store.select(_OF_BOOT, (chain.id, boot.encode())):
                        anchors[origin].add(decode(payload).time)
        return {one.id: place(one.time, anchors.get(one.origin, Anchors())) for one in records}


def _row(view: Effective, root: Record, placement: Placement) -> Punch:
    corrected = view.at is not None and (view.original is None or view.at != placement.utc)
    return Punch(
        id=view.id,
        person=view.person,
        site=root.origin.site,
        terminal=root.origin.terminal,
        state=view.state,
        direction=view.direction,
        at=view.at,
        local=local(view.at or placement.utc, root.time, known=not corrected and placement.mark is not Mark.PLACED),
        zone=root.time.zone,
        mark=CORRECTED if corrected else placement.mark,
        uncertainty_ms=None if corrected else placement.uncertainty_ms,
        recorded=root.time.utc,
        correction=None if view.deciding is None else view.deciding.id,
        disputed=view.disputed,
        note=view.note,
    )


_OF_CHAIN = "SELECT payload FROM records WHERE chain = ? AND kind = ? ORDER BY seq"
_OF_PERSON = "SELECT payload FROM records WHERE person = ? AND kind = ? ORDER BY id"
_OF_BOOT = "SELECT payload FROM records WHERE chain = ? AND instr(payload, ?)"
