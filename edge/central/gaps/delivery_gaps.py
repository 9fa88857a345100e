"""Finds everything that is missing, silent or contradictory, so that an operator or a command can act on it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edge.central import broker_address
from edge.central.ledger import pulse, quota, strangers
from edge.central.ledger.terminal_claims import Claim, claims
from edge.central.store import looked
from edge.central.store.acknowledged import standing
from edge.central.store.epochs import breaks
from edge.central.store.findings import Problem, ProblemKind, records
from edge.central.store.model import ChainRow, RegisteredTerminal
from edge.central.store.records import Store
from edge.domain.plural import command
from edge.domain.protocol.record import Origin
from edge.domain.protocol.terminal_status import Presence

__all__ = ["SETTLED", "Problem", "ProblemKind", "find", "holes"]

SETTLED = timedelta(seconds=15)
"""Records that are missing for less than this may still be on their way, or may have arrived out of order."""

AHEAD = timedelta(minutes=1)
"""A terminal's clock may be ahead of the ledger's by this much. A clock that follows a time server is never so far
ahead.
"""


def find(store: Store, silent_after: timedelta, now: datetime | None = None) -> list[Problem]:
    """All problems, ordered by terminal. Raises LedgerError.

    A revoked identity has no problems of its own, but its `gap` records about the journal of an earlier identity
    still count.
    """
    now = now or datetime.now(UTC)
    said = claims(store)
    by_name: dict[Origin, list[RegisteredTerminal]] = {}
    over: dict[int, RegisteredTerminal] = {}
    for terminal in store.terminals():
        active = by_name.setdefault(terminal.origin, [])
        if terminal.revoked is None:
            active.append(terminal)
        else:
            over[terminal.id] = terminal
    chains, acknowledged, seen = store.chains(), standing(store), looked.keys(store)
    shared = _shared(by_name, chains)
    found: list[Problem] = [
        *pulse.faults(store, now),
        *quota.found(store, now),
        *strangers.found(store, store.terminals(), now),
    ]
    for origin, identities in by_name.items():
        numbers = {one.id for one in identities}
        theirs = [one for one in chains if one.terminal in numbers]
        ended = {one.epoch: over[one.terminal] for one in chains if one.terminal in over}
        former = {
            one: over[one.terminal]
            for one in chains
            if one.terminal in over and over[one.terminal].origin == origin
        }
        if not identities:
            found += breaks(store, origin, [], acknowledged, former)
            continue
        look = _Look(
            store, origin, identities, theirs, said.get(origin), acknowledged, now, shared, ended, seen, former
        )
        found += look.everything(silent_after)
    return found


@dataclass(frozen=True, slots=True)
class _Look:
    """Looks for the problems of one name and its identities that are not revoked."""

    store: Store
    origin: Origin
    identities: list[RegisteredTerminal]
    chains: list[ChainRow]
    claim: Claim | None
    acknowledged: dict[int, int]
    now: datetime
    shared: frozenset[int]
    """The chains whose records have the same ids as records of another identity."""
    ended: Mapping[str, RegisteredTerminal]
    """For each epoch that a revoked identity signed, that identity."""
    looked: Mapping[tuple[Origin, str], str]
    """For each name and revoked key, the instant up to which it is acknowledged."""
    former: Mapping[ChainRow, RegisteredTerminal]
    """The chains of the name's revoked identities, each with its identity."""

    def everything(self, silent_after: timedelta) -> Iterator[Problem]:
        for chain in self.chains:
            yield from self.of_chain(chain)
        yield from breaks(self.store, self.origin, self.chains, self.acknowledged, self.former)
        if self.claim is not None:
            yield from self.claimed(self.claim)
        yield from self.quiet(silent_after)

    def of_chain(self, chain: ChainRow) -> Iterator[Problem]:
        for first, last in holes(self.store, chain, self.now - SETTLED):
            yield self.finding(
                ProblemKind.MISSING,
                f"{records(first, last)} of epoch {chain.epoch} missing, later ones are here; "
                f"{self.resend()}; if the terminal no longer has them, look into its exports",
                chain.epoch, first, last,
            )  # fmt: skip
        count = len(self.store.conflicts(chain))
        if count:
            yield self.finding(
                ProblemKind.FORK,
                f"{_number(count)} of epoch {chain.epoch} contradict the stored ones; its key was copied or its "
                "disk restored: keep the disk, find out which history is true, give the terminal a new identity",
                chain.epoch,
            )
        if chain.id in self.shared:
            yield self.finding(
                ProblemKind.FORK,
                f"another identity of the name {self.origin.terminal} signs records of epoch {chain.epoch}, too, "
                "so that two records have one id: find out which identity is genuine, and revoke the other one",
                chain.epoch,
            )

    def claimed(self, claim: Claim) -> Iterator[Problem]:
        if claim.alarms:
            text = f"claims {', '.join(claim.alarms)}; docs/operations.md says what to do"
            yield self.finding(ProblemKind.ALARM, text, since=claim.heard)
        ahead = _instant(claim.utc) - _instant(claim.heard) if claim.utc else timedelta()
        if ahead > AHEAD:
            text = (
                f"its clock is {_minutes(ahead)} ahead of the ledger's; look at both with `timedatectl`, let the "
                "wrong one follow a time server, and look into the hours since"
            )
            yield self.finding(ProblemKind.CLOCK, text, since=claim.heard)
        if claim.epoch is None:
            return
        settled = self.now - _instant(claim.heard) >= SETTLED
        revoked = self.ended.get(claim.epoch)
        if revoked is not None and claim.epoch not in {chain.epoch for chain in self.chains}:
            # The broker publishes the last will of a terminal that is gone. That is not a message of the terminal
            # itself, so the time of its last claim counts.
            last = claim.heard if claim.state is Presence.ONLINE else claim.claimed or claim.heard
            late = _instant(last) >= _instant(revoked.revoked or last) + SETTLED
            recent = self.now - _instant(last) < strangers.RECENT
            if settled and late and recent and last > self.looked.get((self.origin, revoked.keyid), ""):
                text = (
                    f"the identity {revoked.keyid} was revoked and went on under this name (epoch {claim.epoch}): "
                    f"{strangers.STORED}; {strangers.cure(self.origin, revoked.keyid, last)}"
                )
                yield self.finding(ProblemKind.UNREGISTERED, text, since=last)
            return
        theirs = [chain for chain in self.chains if chain.epoch == claim.epoch]
        here = max((self.store.top(chain) for chain in theirs), default=0)
        # A terminal claims its head again in each status. The time of the oldest such claim counts, so that
        # frequent statuses do not hide the problem.
        asked = claim.lacking_since if claim.lacking == here + 1 and claim.lacking_since else claim.heard
        if claim.head > here and self.now - _instant(asked) >= SETTLED:
            cure = "bring it back to the network, or its export to `smartclocker central import`"
            if claim.state is Presence.ONLINE:
                cure = f"{self.resend()}, and see its alarms and the broker's log"
            yield self.finding(
                ProblemKind.UNDELIVERED,
                f"claims {records(here + 1, claim.head)} of epoch {claim.epoch}, which never came; {cure}",
                claim.epoch, here + 1, claim.head,
            )  # fmt: skip
        if settled and any(self.had_delivered(chain, claim) for chain in theirs):
            yield self.finding(
                ProblemKind.ROLLED_BACK,
                f"claims epoch {claim.epoch} up to {claim.head}, but had delivered more of it; its card was "
                "restored or copied: keep it, and give the terminal a new identity",
                claim.epoch,
            )

    def had_delivered(self, chain: ChainRow, claim: Claim) -> bool:
        """Whether the ledger had the record after the claimed head already when the terminal made the claim."""
        query = "SELECT received FROM records WHERE chain = ? AND seq = ?"
        rows = self.store.select(query, (chain.id, claim.head + 1))
        at = claim.claimed
        return at is not None and any(_instant(received) + SETTLED < _instant(at) for (received,) in rows)

    def quiet(self, silent_after: timedelta) -> Iterator[Problem]:
        claim = self.claim
        if claim is not None and claim.state is not Presence.ONLINE:
            how = "went off in good order" if claim.state is Presence.STOPPED else "lost its connection"
            yield self.finding(
                ProblemKind.OFFLINE, f"{how}; check its power, its network and its log", since=claim.since
            )
        heard = [one.registered for one in self.identities]
        heard += [claim.heard] if claim is not None else []
        heard += [received for chain in self.chains for (received,) in self.store.select(_RECEIVED, (chain.id,))]
        last = max(heard)
        if self.now - _instant(last) >= silent_after:
            text = "nothing was heard; check whether it runs, and revoke its identity if it will not come back"
            yield self.finding(ProblemKind.SILENT, text, since=last)

    def resend(self) -> str:
        way = broker_address.broker_options(*broker_address.reached(self.store.path.parent))
        return f"`{command('central', 'resend', 'DIR', f'{self.origin.site}/{self.origin.terminal}', *way)}`"

    def finding(
        self, kind: ProblemKind, text: str,
        epoch: str | None = None, first: int | None = None, last: int | None = None,
        *, since: str | None = None,
    ) -> Problem:  # fmt: skip
        return Problem(self.origin, kind, text, epoch, first, last, since)


def _shared(by_name: Mapping[Origin, Sequence[RegisteredTerminal]], chains: Iterable[ChainRow]) -> frozenset[int]:
    """The chains of different identities whose records have the same ids.

    An epoch is random, and a record's id does not contain the site; so the same id means that an epoch was copied.
    """
    names = {one.id: origin.terminal for origin, identities in by_name.items() for one in identities}
    by_id: dict[tuple[str, str], list[int]] = {}
    for chain in chains:
        if chain.terminal in names:
            by_id.setdefault((names[chain.terminal], chain.epoch), []).append(chain.id)
    return frozenset(number for numbers in by_id.values() if len(numbers) > 1 for number in numbers)


def holes(store: Store, chain: ChainRow, before: datetime) -> Iterator[tuple[int, int]]:
    """The ranges of `seq` that are missing after the receipted records. Each ends before a record that was received
    at `before` or earlier.
    """
    expected = chain.upto + 1
    query = "SELECT seq, received FROM records WHERE chain = ? AND seq > ? ORDER BY seq"
    for seq, received in store.select(query, (chain.id, chain.upto)):
        if seq > expected and _instant(received) <= before:
            yield expected, seq - 1
        expected = seq + 1


def _number(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"


def _minutes(span: timedelta) -> str:
    return (
        f"{span.total_seconds() / 60:.0f} min"
        if span < timedelta(hours=2)
        else f"{span.total_seconds() / 3600:.0f} h"
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


_RECEIVED = "SELECT received FROM records WHERE chain = ? ORDER BY seq DESC LIMIT 1"
