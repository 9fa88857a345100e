"""The hours view: each punch as it counts, beside what was recorded. It is computed for each report; nothing is
stored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from edge.central.attendance.held_records import Held, LedgerReading
from edge.central.attendance.local_time import local
from edge.central.store.records import Store
from edge.domain.attendance import doubts
from edge.domain.attendance.corrections import Effective, PunchState, effective
from edge.domain.attendance.doubts import LONG, Counted, Doubt, Followed, Measured
from edge.domain.protocol.record import Origin, Record
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.placement import Anchors, Placement, PlacementMethod, place
from edge.domain.vocabulary import DirectionSource

CORRECTED = "corrected"
"""The mark of a moment that a correction set; the other marks are in
`edge.domain.time.placement.PlacementMethod`.
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selects punches. A field of None selects all."""

    site: str | None = None
    terminal: str | None = None
    person: str | None = None
    first: date | None = None
    """`first` and `last` are local dates of the punch; both days are included."""
    last: date | None = None
    longest: timedelta = LONG
    """A longer stay between IN and OUT is doubted."""

    def here(self, origin: Origin) -> bool:
        """Whether a terminal is selected."""
        return self.site in {None, origin.site} and self.terminal in {None, origin.terminal}

    def then(self, day: str) -> bool:
        """Whether a local date (ISO text) is selected."""
        return (self.first is None or str(self.first) <= day) and (self.last is None or day <= str(self.last))


@dataclass(frozen=True, slots=True)
class Punch:
    """One line of the view."""

    id: str
    """The id of the original record, or of the correction if it added the punch or has no effect."""
    person: str
    site: str
    terminal: str
    state: str
    """The state of the punch after corrections (`edge.domain.attendance.corrections.PunchState`)."""
    direction: str | None
    """The direction that counts; None if the punch does not count."""
    activity: str | None
    """`break` if the punch begins or ends a break; None if it begins or ends work, or does not count."""
    at: str | None
    """The moment that counts, RFC 3339 UTC; None if the punch does not count."""
    local: str
    """`at` in local time at the terminal, with its offset. If the punch does not count, the time at which it was
    recorded.
    """
    zone: str
    mark: str
    """How `at` was found: a value of `PlacementMethod`, or CORRECTED."""
    uncertainty_ms: int | None
    recorded: str
    """The time in the record itself."""
    correction: str | None
    """The id of the correction that decides."""
    disputed: bool
    note: str | None
    doubts: tuple[Doubt, ...]
    """Reasons not to take the punch as it stands, in the order of `Doubt`."""


def punches(store: Store, wanted: Wanted) -> list[Punch]:
    """The selected punches, ordered by time and id. Every stored record counts, also after a gap. Raises
    LedgerError.

    All punches of the selected persons are read, at every terminal, because a punch at one terminal can raise
    doubts about a punch at another.
    """
    return _View(LedgerReading(store), wanted).rows()


@dataclass(frozen=True, slots=True)
class _Seen:
    """A record with the moment at which it was made, as far as that is known."""

    held: Held
    placement: Placement


class _View:
    """The hours of the selected persons."""

    def __init__(self, reading: LedgerReading, wanted: Wanted) -> None:
        self._reading, self._wanted = reading, wanted
        persons = self._persons()
        corrections = {one.key: one for one in reading.of_kind(Kind.CORRECTION, persons)}
        found = {one.key: one for one in reading.of_kind(Kind.PUNCH, persons)}
        found |= {one.key: one for one in self._targets(corrections.values())}
        held = [*found.values(), *corrections.values()]
        anchors = reading.anchors(one.record for one in held)
        self._seen: dict[int, _Seen] = {}
        """By the `id()` of the record object that is passed to `effective`, which returns the same objects."""
        self._records: list[Record] = []
        for one in held:
            placement = place(one.record.time, anchors.get(one.record.origin, Anchors()))
            record = replace(one.record, time=replace(one.record.time, utc=placement.utc))
            self._records.append(record)
            self._seen[id(record)] = _Seen(one, placement)

    def rows(self) -> list[Punch]:
        views = self._effective(self._records)
        words = self._doubts(views)
        rows = [self._row(view, words.get(index, set())) for index, view in enumerate(views)]
        wanted = self._wanted
        return [row for row in rows if wanted.here(Origin(row.site, row.terminal)) and wanted.then(row.local[:10])]

    def _persons(self) -> set[str] | None:
        """The persons whose punches are read; None for everybody."""
        wanted = self._wanted
        if wanted.person is not None:
            return {wanted.person}
        if wanted.site is None and wanted.terminal is None:
            return None
        return self._reading.persons([one for one in self._reading.origins() if wanted.here(one)])

    def _targets(self, corrections: Iterable[Held]) -> Iterator[Held]:
        """The punches that corrections refer to, at any terminal. Without them the corrections would seem to refer
        to nothing.
        """
        for name in {one.record.data["corrects"] for one in corrections} - {None}:
            yield from self._reading.punch_of_id(name)

    def _effective(self, records: Iterable[Record]) -> list[Effective]:
        records = list(records)
        return effective(records, records, lambda record: self._seen[id(record)].held.chain)

    def _row(self, view: Effective, words: set[Doubt]) -> Punch:
        seen, corrected = self._seen[id(view.root)], _corrected(view)
        time, placement = seen.held.record.time, seen.placement
        known = not corrected and placement.mark is not PlacementMethod.PLACED
        return Punch(
            id=view.id,
            person=view.person,
            site=view.root.origin.site,
            terminal=view.root.origin.terminal,
            state=view.state,
            direction=view.direction,
            activity=view.activity,
            at=view.at,
            local=local(view.at or placement.utc, time, known=known),
            zone=time.zone,
            mark=CORRECTED if corrected else placement.mark,
            uncertainty_ms=None if corrected else placement.uncertainty_ms,
            recorded=time.utc,
            correction=None if view.deciding is None else view.deciding.id,
            disputed=view.disputed,
            note=view.note,
            doubts=tuple(word for word in Doubt if word in words),
        )

    def _doubts(self, views: list[Effective]) -> dict[int, set[Doubt]]:
        """The doubts of each view, by its index."""
        counting = {index: one for index, view in enumerate(views) if (one := self._counted(view)) is not None}
        places, counted = list(counting), list(counting.values())
        steps = self._reading.steps({self._seen[id(view.root)].held.chain for view in views})
        found = doubts.merged((doubts.in_turn(counted, self._wanted.longest), doubts.by_clock(counted, steps)))
        words = {places[index]: some for index, some in found.items()}
        for index, some in self._by_following(views).items():
            words.setdefault(index, set()).update(some)
        bases = self._bases(views)
        forks = self._reading.forks()
        nobody = self._reading.unknown({view.person for view in views if view.original is None})
        for index, view in enumerate(views):
            own = words.setdefault(index, set())
            own |= bases.get(id(view.root), set())
            chain, seq = self._seen[id(view.root)].held.key
            if seq >= forks.get(chain, seq + 1):
                own.add(Doubt.FORK)
            if view.contested:
                own.add(Doubt.SAME_ID)
            if self._is_ahead(view):
                own.add(Doubt.FUTURE)
            if view.person in nobody:
                own.add(Doubt.UNKNOWN_PERSON)
            if view.direction is not None and view.says_direction.data.get("direction_assumed") is True:
                own.add(Doubt.ASSUMED)
            if _alternated(view) and view.says_direction.data.get("site_unheard") is True:
                own.add(Doubt.SITE_UNHEARD)
        return words

    def _by_following(self, views: list[Effective]) -> doubts.Found:
        """The doubts about punches that follow another one than the one before, by the index of the view."""
        places = [index for index, view in enumerate(views) if view.state is not PunchState.UNATTACHED]
        found = doubts.by_following([self._followed(views[index]) for index in places])
        return {places[index]: some for index, some in found.items()}

    def _followed(self, view: Effective) -> Followed:
        root = view.root
        at = root.time.utc if view.original is not None else view.at or root.time.utc
        return Followed(
            person=view.person,
            site=root.origin.site,
            id=f"{root.origin.site}/{root.id}",
            at=at,
            follows=root.data.get("follows"),
            rests_on_it=_alternated(view) and "follows" in root.data,
            corrected=bool(view.corrections),
        )

    def _is_ahead(self, view: Effective) -> bool:
        """Whether the punch or a correction of it lies in the future of its receipt.

        Corrections are checked, too, because their times decide which of two is the later one.
        """
        moments = [(one.time.utc, one) for one in view.corrections]
        moments += [] if view.at is None else [(view.at, view.says_at)]
        return any(doubts.ahead(utc, self._seen[id(one)].held.received) for utc, one in moments)

    def _counted(self, view: Effective) -> Counted | None:
        if view.direction is None or view.at is None:
            return None
        seen = self._seen[id(view.root)]
        time, uncertainty = seen.held.record.time, seen.placement.uncertainty_ms
        if _corrected(view) or uncertainty is None:
            return Counted(view.person, view.direction, view.at, None)
        measured = Measured(*seen.held.key, time.boot_id, time.boottime_ms, uncertainty)
        return Counted(view.person, view.direction, view.at, measured)

    def _bases(self, views: list[Effective]) -> dict[int, set[Doubt]]:
        """The doubts REVOKED, UNPROVEN and OTHER_SITE of each view, by the `id()` of the view's root.

        A view gets such a doubt if its hours would differ without the records of revoked identities, or without the
        corrections of other sites.
        """
        found: dict[int, set[Doubt]] = {}
        of: dict[Doubt, set[int]] = {}
        for record in self._records:
            held = self._seen[id(record)].held
            word = self._reading.signers.doubt(held.chain, held.received)
            if word is not None:
                of.setdefault(word, set()).add(id(record))
        for view in views:
            for one in view.corrections:
                if one.origin.site != view.root.origin.site:
                    of.setdefault(Doubt.OTHER_SITE, set()).add(id(one))
        for word, without in of.items():
            kept = [record for record in self._records if id(record) not in without]
            then = {id(view.root): _hours(view) for view in self._effective(kept)}
            for view in views:
                if then.get(id(view.root)) != _hours(view):
                    found.setdefault(id(view.root), set()).add(word)
        return found


def _alternated(view: Effective) -> bool:
    """Whether the direction that counts is the one that the terminal found by the person's last punch."""
    source = view.says_direction.data.get("direction_source")
    return view.direction is not None and source == DirectionSource.ALTERNATED


def _corrected(view: Effective) -> bool:
    """Whether a correction set the moment."""
    return view.at is not None and view.says_at.kind == Kind.CORRECTION


def _hours(view: Effective) -> tuple[object, ...]:
    """The parts of a view that a reader of hours uses; they decide whether two views give the same hours."""
    deciding = None if view.deciding is None or view.state is PunchState.UNATTACHED else view.deciding.id
    return view.state, view.direction, view.activity, view.at, view.worker, view.employer, deciding
