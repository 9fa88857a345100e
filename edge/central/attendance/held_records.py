"""Reads from the ledger what the hours view needs: records, their places in the chains, when they were received,
and anchors for records without a synchronised clock.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass

from edge.central.roster import known_persons
from edge.central.store.doubted_identities import Signers
from edge.central.store.model import ChainRow, RejectReason
from edge.central.store.records import Store
from edge.domain.protocol.record import Origin, Record, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from edge.domain.time.placement import Anchors


@dataclass(frozen=True, slots=True)
class Held:
    """A stored record with its chain and the time of its receipt."""

    record: Record
    chain: int
    received: str
    """RFC 3339 UTC, by the ledger's clock."""

    @property
    def key(self) -> tuple[int, int]:
        """The record's place in the ledger. It is unique; the record's `id` may be used by two identities."""
        return self.chain, self.record.position.seq


class LedgerReading:
    """Reads one store. Every method raises LedgerError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._terminals = {terminal.id: terminal for terminal in store.terminals()}
        self._chains = {chain.id: chain for chain in store.chains()}
        self.signers = Signers(store)
        self._of_epoch: defaultdict[tuple[str, str], list[ChainRow]] = defaultdict(list)
        self._of_origin: defaultdict[Origin, list[ChainRow]] = defaultdict(list)
        for chain in self._chains.values():
            origin = self._terminals[chain.terminal].origin
            self._of_epoch[origin.terminal, chain.epoch].append(chain)
            self._of_origin[origin].append(chain)

    def of_kind(self, kind: Kind, persons: Collection[str] | None) -> Iterator[Held]:
        """All records of a kind, of everybody (None) or of these persons."""
        if persons is None:
            yield from self._held(_OF_KIND, (kind,))
        else:
            yield from self._held(_OF_PERSONS, (json.dumps(sorted(persons)), kind))

    def persons(self, origins: Collection[Origin]) -> set[str]:
        """The persons with a punch or a correction at these terminals."""
        found: set[str] = set()
        for chain in (one for origin in origins for one in self._of_origin[origin]):
            found |= {person for (person,) in self._store.select(_PERSONS, (chain.id, Kind.PUNCH, Kind.CORRECTION))}
        return found

    def origins(self) -> list[Origin]:
        """Every terminal with a stored record."""
        return list(self._of_origin)

    def unknown(self, persons: Collection[str]) -> set[str]:
        """Those of these persons that only corrections name, and no roster."""
        rows = self._store.select(_NAMED, (json.dumps(sorted(persons)), Kind.CORRECTION))
        left = set(persons) - {person for (person,) in rows}
        return left - known_persons.known(self._store.path.parent, left) if left else left

    def punch_of_id(self, name: str) -> Iterator[Held]:
        """The punches with this id: none, one, or several if several identities use the id."""
        terminal, epoch, seq = name.split("/")
        for chain in self._of_epoch.get((terminal, epoch), []):
            yield from self._held(_OF_PLACE, (chain.id, int(seq), Kind.PUNCH))

    def anchors(self, records: Iterable[Record]) -> dict[Origin, Anchors]:
        """For each terminal with records of an unsynchronised clock, the synchronised times that place these
        records.

        Each chain is read once, however many boots there were.
        """
        boots: defaultdict[Origin, set[str]] = defaultdict(set)
        for record in records:
            if not record.time.synchronised:
                boots[record.origin].add(record.time.boot_id)
        found = {origin: Anchors() for origin in boots}
        for origin, wanted in boots.items():
            listed = json.dumps(sorted(wanted))
            for chain in self._of_origin[origin]:
                for utc, boot, boottime in self._store.select(_ANCHORS, (chain.id, listed)):
                    found[origin].add(TimeEvidence(utc, 0, "UTC", boot, boottime, True))
        return found

    def forks(self) -> dict[int, int]:
        """For each chain with two histories, the `seq` from which on they differ."""
        return dict(self._store.select(_FORKS, (str(RejectReason.LINK.value),)))

    def steps(self, chains: Iterable[int]) -> dict[Hashable, list[int]]:
        """For each chain, the `seq` of the records that say that a clock was set although it counted as
        synchronised.
        """
        found: dict[Hashable, list[int]] = {}
        for chain in chains:
            rows = [decode(payload) for (payload,) in self._store.select(_STEPS, (chain,))]
            found[chain] = [one.position.seq for one in rows if one.data["synchronised_before"]]
        return found

    def _held(self, query: str, parameters: tuple[object, ...]) -> Iterator[Held]:
        for payload, chain, received in self._store.select(query, parameters):
            yield Held(decode(payload), chain, received)


_HELD = "SELECT payload, chain, received FROM records"
_OF_KIND = f"{_HELD} WHERE kind = ? ORDER BY id"
_OF_PERSONS = f"{_HELD} WHERE person IN (SELECT value FROM json_each(?)) AND kind = ? ORDER BY id"  # noqa: S608 - words of ours
_OF_PLACE = f"{_HELD} WHERE chain = ? AND seq = ? AND kind = ?"
_PERSONS = "SELECT DISTINCT person FROM records WHERE chain = ? AND kind IN (?, ?) AND person IS NOT NULL"
_NAMED = """
SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM records WHERE person = value AND kind != ?)
"""
_FORKS = "SELECT chain, min(seq - (why = ?)) FROM conflicts GROUP BY chain"
"""If the link contradicts (`why`), the histories differ from the record before on."""
_ANCHORS = """
SELECT json_extract(text, '$.data.time.utc'), json_extract(text, '$.data.time.boot_id'),
    json_extract(text, '$.data.time.boottime_ms')
FROM (SELECT CAST(payload AS TEXT) AS text FROM records WHERE chain = ?)
WHERE json_extract(text, '$.data.time.synchronised')
    AND json_extract(text, '$.data.time.boot_id') IN (SELECT value FROM json_each(?))
"""
_STEPS = "SELECT payload FROM records INDEXED BY clock_steps WHERE chain = ? AND kind = 'clock-step' ORDER BY seq"
