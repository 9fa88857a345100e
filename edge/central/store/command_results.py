"""The results of commands (orders and resends): the terminals' signed `command-result` records, by command id."""

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
    """The content of a terminal's `command-result` record."""

    outcome: str
    detail: str
    doubt: Doubt | None = None
    """REVOKED or UNPROVEN if the identity that signed the record was revoked."""


def results(store: Store, ids: Iterable[str]) -> dict[tuple[Origin, str], CommandResult]:
    """The last result of each terminal for these commands, as far as the ledger has it. Other results are not read.

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
        # Records may arrive out of order. A final result is kept, unless it is doubted and the new one is not.
        if before is None or before.outcome == CommandOutcome.PARTLY or (before.doubt and not doubt):
            found[which] = CommandResult(str(record.data["outcome"]), str(record.data["detail"]), doubt)
    return found


RESULTS = """
SELECT payload, chain, received FROM records INDEXED BY results_by_command WHERE kind = 'command-result'
AND json_extract(CAST(payload AS TEXT), '$.data.command_id') IN (SELECT value FROM json_each(?)) ORDER BY id
"""
"""The query uses the index on the command id in the payload. SQLite refuses the query if the index is missing,
rather than reading every result.
"""
