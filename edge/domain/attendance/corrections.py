"""Corrections applied: what counts of each punch once all corrections are known.

Nothing is ever changed. A correction is a record that points at another one, and a reader makes the hours from
both. The same records give the same hours, in whatever order they come, and however often.

- A correction stands until a later one points at the same record, or until it is voided itself; then the one before
  it counts again.
- A correction of a correction builds on it: fields that it leaves open (null) keep the value of that correction. A
  correction of the punch leaves the punch's own values.
- Of two corrections of one chain, the higher `seq` is the later. Between chains the clocks decide.
- A correction names a record by an id without a site. It means the record of its own site; where several could be
  meant it changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge.domain.attendance.correction_fields import problems, problems_with
from edge.domain.protocol.record import Record
from edge.domain.protocol.record_kinds import CorrectionAction, CorrectionSide, Kind
from edge.domain.vocabulary import Activity, Direction


class PunchState(StrEnum):
    """State of a punch after its corrections."""

    AS_RECORDED = "as-recorded"
    AMENDED = "amended"
    VOIDED = "voided"
    ADDED = "added"
    """Nobody made the punch at a terminal: a correction added it, perhaps amended by later ones."""
    UNATTACHED = "unattached"
    """No punch: a correction that changes nothing, because its record is not here (yet) or cannot be meant."""


@dataclass(frozen=True, slots=True)
class Effective:
    """A punch as it counts, beside what was recorded."""

    root: Record
    """The punch; the correction itself for ADDED and UNATTACHED."""
    person: str
    state: PunchState
    direction: Direction | None
    """The direction that counts; None when nothing counts."""
    at: str | None
    """The moment that counts, RFC 3339 UTC; None when nothing counts."""
    original: Record | None
    """The punch as it was recorded; None for ADDED and UNATTACHED."""
    deciding: Record | None
    """The correction that decides; None without one."""
    corrections: tuple[Record, ...]
    """All corrections that belong here, the deciding one and statements included, in order."""
    worker: CorrectionSide | None
    employer: CorrectionSide | None
    """The position of each side on the deciding correction, its later statements included; None without one."""
    says_direction: Record
    """The record whose direction counts, or would count without a void."""
    says_at: Record
    """The record whose moment counts, or would count without a void."""
    contested: bool = False
    """Whether a record of another chain claims the same id."""
    note: str | None = None
    """Reason for UNATTACHED."""

    @property
    def id(self) -> str:
        """Id of the punch; of the correction itself for ADDED and UNATTACHED. It names no site."""
        return self.root.id

    @property
    def activity(self) -> Activity | None:
        """What the punch begins or ends beside work; None when nothing counts, or it is work.

        It goes with the direction: a correction that sets the direction and names no activity means work.
        """
        said = None if self.direction is None else self.says_direction.data.get("activity")
        return None if said is None else Activity(said)

    @property
    def disputed(self) -> bool:
        """Whether one side disputes what counts."""
        return CorrectionSide.DISPUTES in {self.worker, self.employer}


def chain_of(record: Record) -> Hashable:
    """The key that keeps two records with one id apart: their chain, as far as a record names it."""
    return record.origin, record.position.epoch


def effective(
    punches: Iterable[Record], corrections: Iterable[Record], chain_of: Callable[[Record], Hashable] = chain_of
) -> list[Effective]:
    """The hours view: each punch, each added one, and each correction that changes nothing, by time and id.

    The records may come in any order, of any terminals and epochs, repeated or incomplete; records of other kinds
    are ignored. Where two records claim one place in one chain (a fork), one of them is taken, always the same one.
    Of two chains that claim one id (two keys) every record stays. `chain_of` gives the chain of a record, for a
    caller who knows it better than the record's own fields tell.
    """
    said = _in_order(_unique(corrections, Kind.CORRECTION, chain_of))
    known = [*_unique(punches, Kind.PUNCH, chain_of), *said]
    named: _Named = defaultdict(list)
    for node in known:
        named[node.record.id].append(node)
    roots = [node for node in known if node.record.kind == Kind.PUNCH]
    below: _Below = defaultdict(list)
    notes: dict[_Key, str] = {}
    for node in said:
        target, note = _target(node, named)
        if note is not None:
            notes[node.key] = note
        elif target is None:
            roots.append(node)
        else:
            below[target.key].append(node)
    rank = {node.key: place for place, node in enumerate(said)}
    views = [_view(root, below, rank, contested=len(named[root.record.id]) > 1) for root in roots]
    placed = {id(record) for view in views for record in view.corrections}
    views += [
        _unattached(node, notes.get(node.key, _ASIDE), named) for node in said if id(node.record) not in placed
    ]
    return sorted(views, key=lambda view: (_moment(view), view.id, view.root.origin.site))


_Key = tuple[Hashable, int]
"""A chain, and the place in it."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A record, and its key here."""

    key: _Key
    record: Record


_Named = defaultdict[str, list[_Node]]
"""All records that claim an id."""
_Below = defaultdict[_Key, list[_Node]]
"""The corrections that point at a record, in order."""
_ASIDE = "what it points at does not count itself"


def _view(root: _Node, below: _Below, rank: Mapping[_Key, int], *, contested: bool) -> Effective:
    """The result for one punch, or for an added one."""
    members, subject = _reach(root, below)
    chosen, leaf = _choose(members, below)
    record = root.record
    original = record if record.kind == Kind.PUNCH else None
    direction, at = record.data["direction"], record.data["at"] if original is None else record.time.utc
    state, node = PunchState.ADDED if original is None else PunchState.AS_RECORDED, root
    says_direction, says_at = record, record
    while (following := chosen.get(node.key)) is not None:
        node = following
        if node.record.data["direction"] is not None:
            direction, says_direction = node.record.data["direction"], node.record
        if node.record.data["at"] is not None:
            at, says_at = node.record.data["at"], node.record
        state = PunchState.ADDED if original is None else PunchState.AMENDED
    if _is(node, CorrectionAction.VOIDED):
        state, direction, at = PunchState.VOIDED, None, None
    deciding = _deciding(root, node, [leaf[one.key] for one in below[root.key] if one.key in leaf])
    ordered = sorted((one for one in members if one.record.kind == Kind.CORRECTION), key=lambda one: rank[one.key])
    words = [one for one in ordered if deciding is not None and subject.get(one.key) == deciding.key]
    return Effective(
        root=record,
        person=record.data["person"],
        state=state,
        direction=None if direction is None else Direction(direction),
        at=at,
        original=original,
        deciding=None if deciding is None else deciding.record,
        corrections=tuple(one.record for one in ordered),
        worker=_stand("worker", deciding, words),
        employer=_stand("employer", deciding, words),
        says_direction=says_direction,
        says_at=says_at,
        contested=contested,
    )


def _reach(root: _Node, below: _Below) -> tuple[list[_Node], dict[_Key, _Key]]:
    """All corrections below a root, parents first; and for each statement, the correction that it is about."""
    members, subject = [root], dict[_Key, _Key]()
    for node in members:  # the list grows meanwhile; no record is in it twice, because each points at one record
        for following in below[node.key]:
            members.append(following)
            if _is(following, CorrectionAction.STATEMENT):
                subject[following.key] = subject.get(node.key, node.key)
    return members, subject


def _choose(members: list[_Node], below: _Below) -> tuple[dict[_Key, _Node], dict[_Key, _Node]]:
    """For each record, the correction that stands among those that point at it, and the last one of that line.

    It uses no recursion, because a line may be as long as somebody cares to make it.
    """
    chosen: dict[_Key, _Node] = {}
    leaf: dict[_Key, _Node] = {}
    for node in reversed(members):
        if not _is(node, CorrectionAction.STATEMENT):
            for candidate in below[node.key]:
                if candidate.key in leaf and not _withdrawn(candidate, leaf[candidate.key]):
                    chosen[node.key] = candidate
            leaf[node.key] = leaf[chosen[node.key].key] if node.key in chosen else node
    return chosen, leaf


def _withdrawn(correction: _Node, leaf: _Node) -> bool:
    return leaf is not correction and _is(leaf, CorrectionAction.VOIDED)


def _deciding(root: _Node, node: _Node, leaves: list[_Node]) -> _Node | None:
    """The correction at the end of the line; where none stands any more, the one that withdrew the last."""
    if node is not root:
        return node
    if leaves:
        return leaves[-1]
    return root if root.record.kind == Kind.CORRECTION else None


def _stand(side: str, deciding: _Node | None, words: list[_Node]) -> CorrectionSide | None:
    """The position of a side: its last statement in which it was heard, else the value in the correction."""
    if deciding is None:
        return None
    heard = [one.record.data[side] for one in words if one.record.data[side] != CorrectionSide.NOT_HEARD]
    return CorrectionSide(heard[-1] if heard else deciding.record.data[side])


def _unattached(node: _Node, note: str, named: _Named) -> Effective:
    record = node.record
    return Effective(
        record, str(record.data["person"]), PunchState.UNATTACHED, None, None, None, record, (record,), None, None,
        record, record, len(named[record.id]) > 1, note,
    )  # fmt: skip


def _target(node: _Node, named: _Named) -> tuple[_Node | None, str | None]:
    """The record that a correction points at, if any; and the reason why it cannot count, as far as both of
    them tell.
    """
    data, site = node.record.data, node.record.origin.site
    wrong = problems(data)
    if wrong or data["corrects"] is None:
        return None, "; ".join(wrong) or None
    there = named.get(data["corrects"], [])
    there = [one for one in there if one.record.origin.site == site] or there
    fit = [one for one in there if not problems_with(data, one.record)]
    if len(fit) == 1:
        return fit[0], None
    if fit:
        return None, "several records have the id that it points at"
    return None, "; ".join(
        problems_with(data, min(there, key=repr).record)
    ) if there else "what it points at is not here"


def _unique(records: Iterable[Record], kind: Kind, chain_of: Callable[[Record], Hashable]) -> list[_Node]:
    """The records of a kind, one for each place in each chain."""
    found: dict[_Key, Record] = {}
    for record in records:
        if record.kind == kind:
            other = found.setdefault((chain_of(record), record.position.seq), record)
            if other != record and repr(record) < repr(other):
                found[chain_of(record), record.position.seq] = record
    return [_Node(key, record) for key, record in found.items()]


def _in_order(nodes: Iterable[_Node]) -> list[_Node]:
    """The records by time, but within a chain by seq, whatever its clock did: a clock that jumps back moves no
    record forward.
    """
    latest: dict[Hashable, str] = {}
    keyed = []
    for node in sorted(nodes, key=lambda node: node.key[1]):
        chain, seq = node.key
        latest[chain] = max(latest.get(chain, ""), node.record.time.utc)
        name = node.record.origin.terminal, node.record.position.epoch, seq, node.record.origin.site, repr(chain)
        keyed.append((latest[chain], name, node))
    return [node for *_, node in sorted(keyed, key=lambda key: key[:2])]


def _is(node: _Node, change: CorrectionAction) -> bool:
    return node.record.kind == Kind.CORRECTION and node.record.data["change"] == change


def _moment(view: Effective) -> str:
    record = view.original or view.deciding
    return view.at or (record.time.utc if record is not None else "")
