"""Who may not be in a roster any more, or not with their face: by orders, the log, and the records of terminals.

An id is given once: who left does not come back under it. So the words here only ever take away, whatever order
they are read in and however old the roster is that they are held against.
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
    """That somebody left."""

    reason: ErasureReason
    by: str
    """Where it is said: `order 12`, `entry 40` of the log, or a terminal."""


@dataclass(frozen=True, slots=True)
class Ended:
    """That the use of somebody's face ended."""

    at: str
    """Whatever consent was given before is over."""
    by: str


@dataclass
class Leavers:
    """All that is known of it."""

    everywhere: dict[str, Left] = field(default_factory=dict)
    """By person."""
    somewhere: dict[tuple[str, str], Left] = field(default_factory=dict)
    """By site and person."""
    faces: dict[str, Ended] = field(default_factory=dict)
    """The latest end of each person's."""
    bars: dict[str, Restriction] = field(default_factory=dict)
    lifts: dict[tuple[str, Restriction], str] = field(default_factory=dict)
    """When an order last ended this bar of somebody: what a terminal said before is over."""
    taken: dict[str, str] = field(default_factory=dict)
    """By person, when the face or consent that was taken in last was exported, or taken in if that was before."""
    ending: dict[str, str] = field(default_factory=dict)
    """By person, the instant at which an employment ends that did not end yet."""
    exported: dict[str, str] = field(default_factory=dict)
    """By person, the moment of the newest export that was taken."""
    doubtful: dict[str, str] = field(default_factory=dict)
    """By person, the terminal where the employer erased them by hand: it may be about that terminal alone."""
    unproven: dict[str, str] = field(default_factory=dict)
    """By person, the revoked terminal that says they left, withdrew or objected, and is not believed in it."""

    def of(self, site: str, person: str) -> Left | None:
        """Why somebody does not belong to a site; None for who may."""
        return self.everywhere.get(person) or self.somewhere.get((site, person))

    def face_ended(self, person: str, given_at: str) -> Ended | None:
        """The end of the consent that somebody gave at `given_at`; None where there is none.

        A consent that was here before it was ended cannot have been given after: its terminal's clock was ahead.
        """
        ended = self.faces.get(person)
        if ended is None:
            return None
        taken = self.taken.get(person)
        before = taken is not None and not is_later(taken, ended.at)
        return ended if before or not is_later(given_at, ended.at) else None

    def hear_orders(self, orders: Iterable[Order], cancelled: Mapping[str, str], now: str) -> None:
        """In the order of issue. An employment ends at its instant, unless it was said before that it continues.

        `cancelled`: by the order's id, when it was. A terminal may have obeyed it, so that what ended stays ended;
        and what had been said before of an employment holds again.
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
        """Removals and withdrawals by hand at the centre, and which exports were taken."""
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
        """`erased`, `consent` and `restricted` records of terminals that may speak, when each came; and who belongs
        to which site.

        A terminal is heard about people of its own site alone. What it did by order or roster, the authority had
        said, and may have lost since with a backup; of what was done by hand, the person's own word counts.
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
        """The same of revoked terminals since they are not believed: it may be true, and a person is to look."""
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
"""What of an export may be another without a face or consent among it."""
