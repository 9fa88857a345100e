"""A person's last punch at the whole site: the records of this terminal, and those that it heard of the others.

The records of one terminal are ordered by `seq`. Between terminals, what is certain decides first:

- a punch that follows another one (`follows`) was made after it;
- a record that this terminal had heard when it made one of its own was made before that one.

Then the clocks decide, where both followed a time server and differ by more than `SKEW_S`. Otherwise the order in
which the records came here decides, and the punch that rests on it is assumed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from edge.domain.attendance.corrections import Effective, effective
from edge.domain.attendance.punch_direction import SKEW_S, LastPunch, last_of
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import Kind


@dataclass(frozen=True, slots=True)
class Heard:
    """A record of another terminal, with the moment at which it came here, told by this terminal's own journal."""

    record: Record
    place: int
    """Its place among all that were heard."""
    epoch: str
    """Epoch of this terminal's journal when it came."""
    head: int
    """`seq` of the last record of this terminal's journal when it came."""
    utc: str | None = None
    """When it came, by this terminal's clock; None if that did not follow a time server."""


def last_at_site(own: Iterable[Record], heard: Iterable[Heard]) -> LastPunch | None:
    """One person's last punch at the site, after all corrections that are known here.

    `own` are the punches and corrections that this terminal's journal keeps of them, `heard` those of the others.
    """
    own, heard = list(own), list(heard)
    if not heard:
        return last_of(own)
    order = _Order(own, heard)
    records = [*own, *(one.record for one in heard)]
    views = [view for view in effective(records, records) if view.direction is not None and view.at is not None]
    views.sort(key=lambda view: order.came(view.says_at))
    if not views:
        return None
    last = views[0]
    for view in views[1:]:
        if order.is_later(view, last) is not False:
            last = view
    unsure = any(_goes(view) != _goes(last) and not order.is_surely_later(last, view, views) for view in views)
    found = _last_punch(last)
    return replace(found, elsewhere=order.is_elsewhere(last.says_at), unsure=unsure)


def _last_punch(view: Effective) -> LastPunch:
    root, direction = view.root, view.direction
    if direction is None or view.at is None:
        raise ValueError("a punch that does not count is nobody's last one")
    named = f"{root.origin.site}/{root.id}"
    if view.says_at is root and root.kind == Kind.PUNCH:
        return LastPunch(direction, root.time, root.position.seq, named, view.activity)
    return LastPunch(direction, view.at, None, named, view.activity)


def _goes(view: Effective) -> tuple[object, object]:
    return view.direction, view.activity


class _Order:
    """The order of one person's records, as far as it can be known at this terminal."""

    def __init__(self, own: list[Record], heard: list[Heard]) -> None:
        self._heard: Mapping[int, Heard] = {id(one.record): one for one in heard}
        self._epoch = own[0].position.epoch if own else None
        self._followed = {_name(one): one.data.get("follows") for one in (*own, *(one.record for one in heard))}

    def is_elsewhere(self, record: Record) -> bool:
        """Whether another terminal made a record."""
        return id(record) in self._heard

    def came(self, record: Record) -> tuple[bool, int, bool, int]:
        """The place of a record in the order in which the records came into being here, or came here."""
        one = self._heard.get(id(record))
        if one is None:
            return True, record.position.seq, False, 0
        if one.epoch != self._epoch:  # another journal was in use then, or nothing of theirs is in this one
            return False, 0, True, one.place
        return True, one.head, True, one.place

    def is_surely_later(self, view: Effective, other: Effective, views: list[Effective]) -> bool:
        """Whether one punch was surely made after another one, perhaps because of a third one between them."""
        if self.is_later(view, other):
            return True
        return any(self.is_later(view, third) and self.is_later(third, other) for third in views)

    def is_later(self, view: Effective, other: Effective) -> bool | None:
        """Whether one punch was made after another one; None where nobody can tell."""
        one, two = view.says_at, other.says_at
        if one.kind == two.kind == Kind.PUNCH:
            certain = self._certainly(one, two)
            sure = one.time.synchronised and two.time.synchronised
            return _by_clock(one.time.utc, two.time.utc) if certain is None and sure else certain
        if one.kind == two.kind:
            return _by_clock(view.at or "", other.at or "")
        if one.kind == Kind.PUNCH:
            return self._is_after_agreed(one, other)
        later = self._is_after_agreed(two, view)
        return None if later is None else not later

    def _is_after_agreed(self, punch: Record, agreed: Effective) -> bool | None:
        """Whether a punch was made after one whose moment a correction says. Nobody can agree on a moment in the
        future: a punch that was made after the correction is later.
        """
        if self._certainly(punch, agreed.says_at):
            return True
        if punch.origin == agreed.says_at.origin:
            return punch.time.utc >= (agreed.at or "")
        return _by_clock(punch.time.utc, agreed.at or "") if punch.time.synchronised else None

    def _certainly(self, one: Record, two: Record) -> bool | None:
        """Whether a record was made after another one, without any clock of two machines; None if that is not
        certain.
        """
        if (one.origin, one.position.epoch) == (two.origin, two.position.epoch):
            return one.position.seq > two.position.seq
        if self._follows(one, two) or self._had_heard(one, two):
            return True
        if self._follows(two, one) or self._had_heard(two, one):
            return False
        if one.time.boot_id == two.time.boot_id:
            return one.time.boottime_ms > two.time.boottime_ms
        if self._came_before(two, one):
            return True
        return False if self._came_before(one, two) else None

    def _follows(self, later: Record, earlier: Record) -> bool:
        """Whether a punch rests on another one, directly or by others that are known here."""
        wanted, name = _name(earlier), self._followed.get(_name(later))
        for _ in range(len(self._followed)):  # a ring, which only a forger makes, must end
            if name is None or name == wanted:
                break
            name = self._followed.get(name)
        return name == wanted

    def _had_heard(self, own: Record, other: Record) -> bool:
        """Whether this terminal had heard a record when it made another."""
        one = self._heard.get(id(other))
        if self.is_elsewhere(own) or one is None:
            return False
        return one.epoch == own.position.epoch and one.head < own.position.seq

    def _came_before(self, earlier: Record, later: Record) -> bool:
        """Whether a record came here before another one was made, by the clocks."""
        one = self._heard.get(id(earlier))
        if one is None or one.utc is None or not later.time.synchronised:
            return False
        return _by_clock(later.time.utc, one.utc) is True


def _name(record: Record) -> str:
    return f"{record.origin.site}/{record.id}"


def _by_clock(one: str, two: str) -> bool | None:
    """Whether a moment is later than another one; None where the clocks of two terminals cannot tell."""
    apart = (datetime.fromisoformat(one) - datetime.fromisoformat(two)).total_seconds()
    return apart > 0 if abs(apart) > SKEW_S else None
