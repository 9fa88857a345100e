"""Corrections read: what counts of each punch once all of them are known.

Nothing is ever changed. A correction is a record that points at another, and the hours are what a reader makes of
both. The same records give the same hours in whatever order they come, and however often.

- A correction stands until another one that points at the same record comes after it, or until it is voided itself;
  then what was said before it counts again.
- One that points at a correction builds on it: what it leaves open (null) stays as that one says. One that points
  at the punch leaves open what the punch says.
- Of two corrections of one chain the higher `seq` is the later. Between chains the clocks decide.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge.domain.correcting import problems, problems_with
from edge.domain.kinds import Change, Kind, Stand
from edge.domain.records import Record
from edge.domain.types import Direction


class State(StrEnum):
    """What became of a punch."""

    AS_RECORDED = "as-recorded"
    AMENDED = "amended"
    VOIDED = "voided"
    ADDED = "added"
    """Nobody made it at a terminal; a correction says that it counts, amended by later ones perhaps."""
    UNATTACHED = "unattached"
    """No punch: a correction that changes nothing, since what it points at is not here (yet) or cannot be meant."""


@dataclass(frozen=True, slots=True)
class Effective:
    """A punch as it counts, beside what was recorded."""

    id: str
    """Of the punch; of the correction itself for ADDED and UNATTACHED."""
    person: str
    state: State
    direction: Direction | None
    """What counts; None when nothing does."""
    at: str | None
    """RFC 3339 UTC; None when nothing counts."""
    original: Record | None
    """The punch as it was recorded; None for ADDED and UNATTACHED."""
    deciding: Record | None
    """The correction that made it so; None without one."""
    corrections: tuple[Record, ...]
    """All that belong here, the deciding one and statements too, in order."""
    worker: Stand | None
    employer: Stand | None
    """What each side says of the deciding correction, its later statements read; None without one."""
    note: str | None = None
    """Why it is UNATTACHED."""

    @property
    def disputed(self) -> bool:
        """Whether one side disputes what counts."""
        return Stand.DISPUTES in {self.worker, self.employer}


def effective(punches: Iterable[Record], corrections: Iterable[Record]) -> list[Effective]:
    """The hours view: each punch, each added one, and each correction that changes nothing, by time and id.

    In any order, of any terminals and epochs, repeated or incomplete; records of other kinds are passed over. Where
    two records claim one id (a fork), one of them is taken, the same one whatever the order.
    """
    said = _in_order(_unique(corrections, Kind.CORRECTION))
    known = _unique(punches, Kind.PUNCH) | {record.id: record for record in said}
    roots = [record for record in known.values() if record.kind == Kind.PUNCH]
    below: _Below = defaultdict(list)
    notes: dict[str, str] = {}
    for record in said:
        note = _objection(record, known)
        if note is not None:
            notes[record.id] = note
        elif record.data["corrects"] is None:
            roots.append(record)
        else:
            below[record.data["corrects"]].append(record)
    rank = {record.id: place for place, record in enumerate(said)}
    views = [_view(root, below, rank) for root in roots]
    placed = {record.id for view in views for record in view.corrections}
    views += [_unattached(record, notes.get(record.id, _ASIDE)) for record in said if record.id not in placed]
    return sorted(views, key=lambda view: (_moment(view), view.id))


_Below = defaultdict[str, list[Record]]
"""The corrections that point at a record, by its id, in order."""
_ASIDE = "what it points at does not count itself"


def _view(root: Record, below: _Below, rank: Mapping[str, int]) -> Effective:
    """What counts of one punch, or of one that was added."""
    members, subject = _reach(root, below)
    chosen, leaf = _choose(members, below)
    original = root if root.kind == Kind.PUNCH else None
    direction, at = root.data["direction"], root.data["at"] if original is None else root.time.utc
    state, node = State.ADDED if original is None else State.AS_RECORDED, root
    while (following := chosen.get(node.id)) is not None:
        node = following
        direction, at = node.data["direction"] or direction, node.data["at"] or at
        state = State.ADDED if original is None else State.AMENDED
    if _is(node, Change.VOIDED):
        state, direction, at = State.VOIDED, None, None
    deciding = _deciding(root, node, [leaf[record.id] for record in below[root.id] if record.id in leaf])
    ordered = sorted((record for record in members if record.kind == Kind.CORRECTION), key=lambda r: rank[r.id])
    words = [record for record in ordered if deciding is not None and subject.get(record.id) == deciding.id]
    return Effective(
        id=root.id,
        person=root.data["person"],
        state=state,
        direction=None if direction is None else Direction(direction),
        at=at,
        original=original,
        deciding=deciding,
        corrections=tuple(ordered),
        worker=_stand("worker", deciding, words),
        employer=_stand("employer", deciding, words),
    )


def _reach(root: Record, below: _Below) -> tuple[list[Record], dict[str, str]]:
    """What hangs on a root, parents first; and of each statement, the id of the correction that it is about."""
    members, subject = [root], dict[str, str]()
    for record in members:  # it grows meanwhile; no id twice, since each points at one record
        for following in below[record.id]:
            members.append(following)
            if _is(following, Change.STATEMENT):
                subject[following.id] = subject.get(record.id, record.id)
    return members, subject


def _choose(members: list[Record], below: _Below) -> tuple[dict[str, Record], dict[str, Record]]:
    """For each record the correction that stands of those that point at it, and the last one of that line.

    Without recursion: a line may be as long as somebody cares to make it.
    """
    chosen: dict[str, Record] = {}
    leaf: dict[str, Record] = {}
    for record in reversed(members):
        if not _is(record, Change.STATEMENT):
            for candidate in below[record.id]:
                if candidate.id in leaf and not _withdrawn(candidate, leaf[candidate.id]):
                    chosen[record.id] = candidate
            leaf[record.id] = leaf[chosen[record.id].id] if record.id in chosen else record
    return chosen, leaf


def _withdrawn(correction: Record, leaf: Record) -> bool:
    return leaf is not correction and _is(leaf, Change.VOIDED)


def _deciding(root: Record, node: Record, leaves: list[Record]) -> Record | None:
    """The correction at the end of the line; where none stands any more, the one that withdrew the last."""
    if node is not root:
        return node
    if leaves:
        return leaves[-1]
    return root if root.kind == Kind.CORRECTION else None


def _stand(side: str, deciding: Record | None, words: list[Record]) -> Stand | None:
    """What a side says: its last statement in which it was heard, else what stands in the correction."""
    if deciding is None:
        return None
    heard = [record.data[side] for record in words if record.data[side] != Stand.NOT_HEARD]
    return Stand(heard[-1] if heard else deciding.data[side])


def _unattached(record: Record, note: str) -> Effective:
    person = str(record.data["person"])
    return Effective(record.id, person, State.UNATTACHED, None, None, None, record, (record,), None, None, note)


def _objection(record: Record, known: Mapping[str, Record]) -> str | None:
    """Why a correction cannot count, as far as it and what it points at say."""
    wrong = problems(record.data)
    if not wrong and record.data["corrects"] is not None:
        target = known.get(record.data["corrects"])
        wrong = ["what it points at is not here"] if target is None else problems_with(record.data, target)
    return "; ".join(wrong) or None


def _unique(records: Iterable[Record], kind: Kind) -> dict[str, Record]:
    """Those of a kind, by id."""
    found: dict[str, Record] = {}
    for record in records:
        other = found.setdefault(record.id, record) if record.kind == kind else record
        if other != record and repr(record) < repr(other):
            found[record.id] = record
    return found


def _in_order(records: Mapping[str, Record]) -> list[Record]:
    """By time, yet each chain by seq, whatever its clock did: no step back makes a record the earlier one."""
    latest: dict[tuple[str, str], str] = {}
    keyed = []
    for record in sorted(records.values(), key=lambda record: record.position.seq):
        chain = record.origin.terminal, record.position.epoch
        latest[chain] = max(latest.get(chain, ""), record.time.utc)
        keyed.append((latest[chain], chain, record.position.seq, record))
    return [record for *_, record in sorted(keyed, key=lambda key: key[:3])]


def _is(record: Record, change: Change) -> bool:
    return record.kind == Kind.CORRECTION and record.data["change"] == change


def _moment(view: Effective) -> str:
    record = view.original or view.deciding
    return view.at or (record.time.utc if record is not None else "")
