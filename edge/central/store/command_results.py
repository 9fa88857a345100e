"""What terminals answered to commands, orders and resends alike: their signed `command-result` records, by id."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from edge.central.store.doubted_identities import Signers
from edge.central.store.records import Store
from edge.domain.attendance.doubts import Doubt
from edge.domain.protocol.record import Origin, decode
from edge.domain.protocol.record_kinds import CommandOutcome


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a terminal's `command-result` record says."""

    outcome: str
    detail: str
    doubt: Doubt | None = None
    """REVOKED or UNPROVEN where the identity that signed it was revoked."""


def results(store: Store, ids: Iterable[str]) -> dict[tuple[Origin, str], CommandResult]:
    """The last that each terminal said of these commands, as far as the ledger holds it; no other result is read.

    Raises LedgerError.
    """
    rows = list(store.select(RESULTS, (json.dumps(list(ids)),)))
    if not rows:
        return {}
    found: dict[tuple[Origin, str], CommandResult] = {}
    signers = Signers(store)
    for payload, chain, received in rows:
        record = decode(payload)
        which, doubt = (record.origin, str(record.data["command_id"])), signers.doubt(chain, received)
        before = found.get(which)
        # records may come out of order: a final word stands, but for one that is doubted and another that is not
        if before is None or before.outcome == CommandOutcome.PARTLY or (before.doubt and not doubt):
            found[which] = CommandResult(str(record.data["outcome"]), str(record.data["detail"]), doubt)
    return found


RESULTS = """
SELECT payload, chain, received FROM records INDEXED BY results_by_command WHERE kind = 'command-result'
AND json_extract(CAST(payload AS TEXT), '$.data.command_id') IN (SELECT value FROM json_each(?)) ORDER BY id
"""
"""By the index on the id in the payload; SQLite refuses the query rather than read every result without it."""
