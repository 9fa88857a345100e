"""The people who may no longer be in a roster, or not with their face, by the orders, the audit log and the
terminals' records.

An id is given once: a person who left does not come back under it. So the sources here only ever remove people. It
does not matter in which order they are read, or how old the roster is to which they are applied.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge.domain.protocol.audit_entry import Act, AuditEntry
from edge.domain.protocol.order import Lifts, Order, Word
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import Bar, Kind, Restriction
from edge.domain.time.instant import is_later
from edge.domain.vocabulary import ErasureReason


@dataclass(frozen=True, slots=True)
class Left:
    """The fact that somebody left."""

    reason: ErasureReason
    by: str
    """Its source: `order 12`, `entry 40` of the audit log, or a terminal."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The fact that the use of somebody's face ended."""

    at: str
    """The instant of the end. A consent that was given before it has ended."""
    by: str


@dataclass
class Leavers:
    """All people who left, whose face may not be used, or who are restricted."""

    everywhere: dict[str, Left] = field(default_factory=dict)
    """People who left every site, by person."""
    somewhere: dict[tuple[str, str], Left] = field(default_factory=dict)
    """People who left one site, by site and person."""
    faces: dict[str, Ended] = field(default_factory=dict)
    """The latest end of the use of a face, by person."""
    bars: dict[str, Restriction] = field(default_factory=dict)
    lifts: dict[tuple[str, Restriction], str] = field(default_factory=dict)
    """Instant at which an order last lifted this restriction of a person. Earlier records of terminals no longer
    count.
    """
    taken: dict[str, str] = field(default_factory=dict)
    """By person, the instant of the newest face or consent that the centre took in: that of its export, or that of
    taking it in, whichever was earlier.
    """
    ending: dict[str, str] = field(default_factory=dict)
    """By person, the future instant at which an employment ends."""
    exported: dict[str, str] = field(default_factory=dict)
    """By person, the instant of the newest export that was taken in."""
    doubtful: dict[str, str] = field(default_factory=dict)
    """By person, the terminal where the employer erased them by hand. The erasure may concern that terminal
    alone.
    """
    unproven: dict[str, str] = field(default_factory=dict)
    """By person, the revoked terminal whose record tells that they left, withdrew or objected. The record is not
    believed.
    """

    def of(self, site: str, person: str) -> Left | None:
        """Why somebody does not belong to a site; None for a person who may belong to it."""
        return self.everywhere.get(person) or self.somewhere.get((site, person))

    def face_ended(self, person: str, given_at: str) -> Ended | None:
        """The end of the consent that somebody gave at `given_at`; None where it did not end.

        A consent that the centre had before the end cannot have been given after it, even if its instant is later:
        then its terminal's clock was ahead.
        """
        ended = self.faces.get(person)
        if ended is None:
            return None
        taken = self.taken.get(person)
        before = taken is not None and not is_later(taken, ended.at)
        return ended if before or not is_later(given_at, ended.at) else None

    def hear_orders(self, orders: Iterable[Order], cancelled: Mapping[str, str], now: str) -> None:
        """Apply orders, in the order of their issue. An employment ends at its instant, unless an order issued
        before that instant continues it.

        `cancelled` gives, by the order's id, the instant of the cancellation. A terminal may have obeyed the order
        before, so an employment that had ended by then stays ended. Otherwise the order before it about that
        employment holds again.
        """
        ends: dict[str, tuple[str, str]] = {}
        for order in orders:
            if order.person is None:
                continue
            if order.word in {Word.EMPLOYMENT_ENDED, Word.EMPLOYMENT_CONTINUES}:
                self._over(ends, order.person, order.issued)
                at, ended = cancelled.get(order.id), order.word is Word.EMPLOYMENT_ENDED
                if at is not None and not (ended and at >= order.fields["at"]):
                    continue
                ends.pop(order.person, None)
                if ended:
                    ends[order.person] = str(order.fields["at"]), f"order {order.sequence}"
            else:
                self._hear(order, order.person)
        for person, (at, _) in list(ends.items()):
            self._over(ends, person, now)
            if person in ends:
                self.ending[person] = at

    def _hear(self, order: Order, person: str) -> None:
        by = f"order {order.sequence}"
        match order.word:
            case Word.ERASE:
                self._gone(person, ErasureReason(order.fields["reason"]), by)
            case Word.UNDER_AGE:
                self._gone(person, ErasureReason.UNDER_AGE, by)
            case Word.WITHDRAW:
                self._end(person, order.issued, by)
            case Word.RESTRICT | Word.OBJECT | Word.UNRESTRICT:
                self._bar(person, order)

    def hear_log(self, entries: Iterable[AuditEntry]) -> None:
        """Apply the audit log: removals and withdrawals by hand at the centre, and the exports that were taken
        in.
        """
        for entry in entries:
            person, by = entry.person, f"entry {entry.n}"
            if person is not None and entry.act == Act.ROSTER_REMOVED:
                reason = ErasureReason(str(entry.data["reason"]))
                if entry.data.get("everywhere") is True:
                    self._gone(person, reason, by)
                for site in entry.data["sites"]:
                    self.somewhere.setdefault((str(site), person), Left(reason, by))
            elif person is not None and entry.act == Act.ROSTER_ADDED:
                at = entry.data.get("exported")
                if isinstance(at, str) and at > self.exported.get(person, ""):
                    self.exported[person] = at
                if not _NO_FACE.issuperset(entry.data.get("changed", ["person"])):
                    self.taken[person] = entry.at if not isinstance(at, str) or is_later(at, entry.at) else at
            elif person is not None and entry.act == Act.ROSTER_WITHDRAWN:
                self._end(person, entry.at, by)
                if isinstance(entry.data.get("ended"), str):
                    self._end(person, entry.data["ended"], by)

    def hear_terminals(self, records: Iterable[tuple[Record, str]], belonging: Mapping[str, set[str]]) -> None:
        """Apply `erased`, `consent` and `restricted` records of terminals that are believed, each with the instant
        of its arrival.

        `belonging` gives the people of each site; a terminal is believed about people of its own site alone. An act
        without `by` followed an order or the roster. It counts only where the authority has no order about it: that
        may be lost if the centre was restored from a backup. An act by hand counts always, because the person asked
        for it.
        """
        known, ordered = set(self.faces), {*self.bars, *(person for person, _ in self.lifts)}
        barred: dict[tuple[str, str], tuple[Restriction, str]] = {}
        for record, received in records:
            person, site = str(record.data.get("person")), record.origin.site
            if person not in belonging.get(site, ()) or self.of(site, person) is not None:
                continue
            by, by_hand = f"{site}/{record.origin.terminal}", "by" in record.data
            at = record.time.utc if record.time.synchronised else received
            if record.kind == Kind.ERASED:
                self._erased(record, person, by, by_hand=by_hand)
            elif record.kind == Kind.RESTRICTED:
                barred.pop((by, person), None)
                if record.data["state"] != Bar.LIFTED and (by_hand or person not in ordered):
                    barred[by, person] = Restriction(record.data["state"]), at
            elif record.data["state"] == "withdrawn" and (by_hand or person not in known):
                self._end(person, at, by)
        for (_, person), (bar, at) in barred.items():
            lifted = self.lifts.get((person, bar))
            if (lifted is None or is_later(at, lifted)) and self.bars.get(person) is not Restriction.OBJECTED:
                self.bars[person] = bar

    def hear_doubted(self, records: Iterable[tuple[Record, str]], belonging: Mapping[str, set[str]]) -> None:
        """Note the same records of revoked terminals since they are not believed. They may be true, so a person
        must check them.
        """
        told = self.faces.keys() | self.bars.keys()
        for record, _ in records:
            person, site = str(record.data.get("person")), record.origin.site
            if person not in belonging.get(site, ()) or self.of(site, person) is not None:
                continue
            ends = record.kind != Kind.ERASED and record.data["state"] in {"withdrawn", Restriction.OBJECTED}
            if record.kind == Kind.ERASED or (ends and person not in told):
                self.unproven[person] = f"{site}/{record.origin.terminal}"

    def _erased(self, record: Record, person: str, by: str, *, by_hand: bool) -> None:
        reason = ErasureReason(record.data["reason"])
        if reason is not ErasureReason.EMPLOYER:
            self._gone(person, reason, by)
        elif by_hand:
            self.doubtful[person] = by
        else:
            self.somewhere[record.origin.site, person] = Left(reason, by)

    def _gone(self, person: str, reason: ErasureReason, by: str) -> None:
        self.everywhere.setdefault(person, Left(reason, by))

    def _over(self, ends: dict[str, tuple[str, str]], person: str, now: str) -> None:
        at, by = ends.get(person, (None, ""))
        if at is not None and at <= now:
            self._gone(person, ErasureReason.EMPLOYMENT_ENDED, by)
            del ends[person]

    def _end(self, person: str, at: str, by: str) -> None:
        before = self.faces.get(person)
        if before is None or is_later(at, before.at):
            self.faces[person] = Ended(at, by)

    def _bar(self, person: str, order: Order) -> None:
        before = self.bars.get(person)
        if order.word is Word.OBJECT:
            self.bars[person] = Restriction.OBJECTED
        elif order.word is Word.RESTRICT:
            self.bars[person] = before or Restriction.RESTRICTED
        else:
            lifted = _LIFTED[Lifts(order.fields["lifts"])]
            self.lifts[person, lifted] = order.issued
            if before is lifted:
                del self.bars[person]


_LIFTED = {Lifts.OBJECTION: Restriction.OBJECTED, Lifts.RESTRICTION: Restriction.RESTRICTED}
_NO_FACE = frozenset({"name", "badges", "pin", "bar", "site"})
"""The parts of an export that may change without a new face or consent in it."""
