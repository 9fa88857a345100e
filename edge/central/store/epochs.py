"""Finds each place where one journal of a terminal followed another. Each is reported until an operator
acknowledges it.

A `gap` record says what was lost as far as the terminal could read it; more may have been lost. If a second journal
begins without a `gap` record, nobody can know what the journal before it held beyond the records that are here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from edge.central.store.findings import Problem, ProblemKind, records
from edge.central.store.model import ChainRow, RegisteredTerminal
from edge.central.store.records import Store
from edge.domain.protocol.record import Origin, decode
from edge.domain.protocol.record_kinds import GapCause
from edge.domain.protocol.record_kinds import Kind as RecordKind

_Gap = tuple[int, Mapping[str, Any]]
"""A `gap` record: its `seq` and its fields."""
_MOST_NAMED = 5
"""Number of other epochs that one problem names at most. Without this limit, a terminal that begins epoch after
epoch would make the list grow with the square of their number.
"""


def breaks(
    store: Store,
    origin: Origin,
    chains: Sequence[ChainRow],
    acknowledged: Mapping[int, int],
    former: Mapping[ChainRow, RegisteredTerminal],
) -> Iterator[Problem]:
    """The problems of all chains of one name.

    `acknowledged` says, by chain id, up to which record an operator has looked. `former` are the chains of the
    name's revoked identities. `gap` records of a revoked identity about its own journals no longer count; those
    about the journal of an earlier identity do.
    """
    stored = _stored(chains)
    ended = {chain.epoch: (chain, whose) for chain, whose in former.items() if chain.epoch not in stored}
    stored |= {epoch: _proven(store, chain, whose.doubted_since) for epoch, (chain, whose) in ended.items()}
    for chain in chains:
        for seq, finding in _gaps(origin, chain, _rows(store, chain), stored, ended):
            if seq > acknowledged.get(chain.id, 0):
                yield finding
    for chain, whose in former.items():
        rows = _rows(store, chain, whose.doubted_since)
        for seq, finding in _gaps(origin, chain, _of_others(store, rows, chain, former), stored, ended):
            if seq > acknowledged.get(chain.id, 0):
                yield finding
    for identity in dict.fromkeys(chain.terminal for chain in chains):
        theirs = [chain for chain in chains if chain.terminal == identity]
        for chain in _second_beginnings(store, theirs):
            if chain.id not in acknowledged:
                yield Problem(origin, ProblemKind.NEW_EPOCH, _says_nothing(origin, chain, theirs), chain.epoch)


def breaks_at(store: Store, chain: ChainRow, chains: Sequence[ChainRow]) -> int:
    """The last record of this chain that an operator should look into; 0 if there is none."""
    last = max((seq for seq, _ in _rows(store, chain)), default=0)
    theirs = [one for one in chains if one.terminal == chain.terminal]
    return last or int(chain.id in {one.id for one in _second_beginnings(store, theirs)})


def _stored(chains: Sequence[ChainRow]) -> dict[str, int]:
    """For each epoch, the last record up to which every record is here."""
    found: dict[str, int] = {}
    for chain in chains:
        found[chain.epoch] = max(chain.upto, found.get(chain.epoch, 0))
    return found


def _proven(store: Store, chain: ChainRow, doubted: str | None) -> int:
    """The last record of a revoked identity's chain that came before the identity was doubted."""
    if doubted is None:
        return chain.upto
    (first,) = next(iter(store.select(_DOUBTED, (chain.id, doubted))))
    return chain.upto if first is None else min(chain.upto, int(first) - 1)


def _gaps(
    origin: Origin,
    chain: ChainRow,
    rows: Iterable[_Gap],
    stored: Mapping[str, int],
    ended: Mapping[str, tuple[ChainRow, RegisteredTerminal]],
) -> Iterator[tuple[int, Problem]]:
    """The problems that the terminal's own signed `gap` records report, each with the `seq` of its record."""
    for seq, data in rows:
        epoch, last = data["previous_epoch"], max(data["previous_head"], data["receipted"])
        here = 0 if epoch is None else stored.get(epoch, 0)
        gone = data["cause"] == GapCause.MISSING
        aside = (
            f"the journal was gone from the terminal, which has only a report of it as {data['quarantine']}"
            if gone
            else f"the journal was set aside on the terminal ({data['cause']}) as {data['quarantine']}"
        )
        look = f"{_look(gone)}; when that is done, or nothing is left to save, {_acknowledge(origin, chain)}"
        if epoch in ended:
            look = f"{_over(*ended[epoch], here, last)}; when that is done, {_acknowledge(origin, chain)}"
        if epoch is not None and last > here:
            text = f"{records(here + 1, last)} of epoch {epoch} missing: {aside}; {look}"
            yield seq, Problem(origin, ProblemKind.SET_ASIDE, text, epoch, here + 1, last)
        else:
            known = "an epoch that it could not read" if epoch is None else f"epoch {epoch} after record {last}"
            whole = "" if epoch is None or last == 0 else "; up to there all of it is here"
            text = f"records of {known} may be missing{whole}: {aside}, before epoch {chain.epoch}; {look}"
            yield seq, Problem(origin, ProblemKind.SET_ASIDE, text, epoch)


def _look(gone: bool) -> str:
    where = "look for the file or a copy of it, save what it holds" if gone else "save what it holds there"
    return f"{where} with `smartclocker journal recover`, then `smartclocker central import`"


def _over(chain: ChainRow, whose: RegisteredTerminal, proven: int, last: int) -> str:
    """The text that says what to do about records of a revoked identity, because nothing more of it is stored."""
    upto = min(chain.upto, last)
    here = f"{records(proven + 1, upto)} came after it was doubted and prove nothing; " if upto > proven else ""
    return (
        f"{here}its identity {whose.keyid} was revoked, so that nothing more of it is stored: read what the old "
        "journal holds (`smartclocker journal show`), and enter what people say of it by `smartclocker journal "
        "correct`"
    )


def _rows(store: Store, chain: ChainRow, doubted: str | None = None) -> list[_Gap]:
    """The `gap` records of a chain: `seq` and fields.

    Records received at `doubted` or later are left out, because somebody else may have signed them.
    """
    found = store.select(_GAPS, (chain.id, doubted, doubted))
    return [(seq, decode(payload).data) for seq, payload in found]


def _of_others(store: Store, rows: Iterable[_Gap], chain: ChainRow, former: Iterable[ChainRow]) -> Iterator[_Gap]:
    """Those `gap` records of a revoked identity's chain that are about a journal of an earlier identity.

    The journal before an identity's first one belongs to another identity, even if that journal could not be read
    or none of its records came.
    """
    epochs: dict[int, list[ChainRow]] = {}
    for one in former:
        epochs.setdefault(one.terminal, []).append(one)
    own = epochs.pop(chain.terminal)
    others = {one.epoch for theirs in epochs.values() for one in theirs} - {one.epoch for one in own}
    first = chain.id == min(one.id for one in own)
    for seq, data in rows:
        if data["previous_epoch"] in others or (first and any(store.select(_BEFORE, (chain.terminal,)))):
            yield seq, data


def _second_beginnings(store: Store, chains: Sequence[ChainRow]) -> list[ChainRow]:
    """The chains of one identity that begin without a `gap` record, except the one that began first."""
    began = {}
    for chain in chains:
        for kind, payload in store.select(_FIRST, (chain.id,)):
            if kind != RecordKind.GAP:
                began[chain] = decode(payload).time.utc
    return sorted(began, key=lambda chain: (began[chain], chain.id))[1:]


def _says_nothing(origin: Origin, chain: ChainRow, chains: Sequence[ChainRow]) -> str:
    first = [one for one in chains[: _MOST_NAMED + 1] if one.id != chain.id][:_MOST_NAMED]
    others = ", ".join(f"{one.epoch} (here up to {one.upto})" for one in first)
    if len(chains) - 1 > len(first):
        others += f" and {len(chains) - 1 - len(first)} more"
    return (
        f"epoch {chain.epoch} does not say which journal was before it, although this identity had one: {others}. "
        "That journal was removed or exchanged, or the terminal was installed again: what else it held is not "
        "here. Find its disk or a copy, save what is there with `smartclocker journal recover`, then `smartclocker "
        f"central import`; then {_acknowledge(origin, chain)}"
    )


def _acknowledge(origin: Origin, chain: ChainRow) -> str:
    name = f"{origin.site}/{origin.terminal}"
    return f"`smartclocker central acknowledge DIR {name} {chain.epoch} --why TEXT`"


_GAPS = """
SELECT seq, payload FROM records WHERE kind = 'gap' AND chain = ? AND (? IS NULL OR received < ?) ORDER BY seq
"""
_BEFORE = """
SELECT 1 FROM terminals JOIN terminals AS mine USING (site, terminal) WHERE mine.id = ? AND terminals.id < mine.id
"""
_DOUBTED = "SELECT min(seq) FROM records WHERE chain = ? AND received >= ?"
_FIRST = "SELECT kind, payload FROM records WHERE chain = ? AND seq = 1"
