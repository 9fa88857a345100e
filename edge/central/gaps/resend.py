"""Asks a terminal for records again by signed commands, and reads its results
(docs/adr/0004-resend-commands.md).
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from nacl.signing import SigningKey

from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker.posting import CommandMessage, post
from edge.central.gaps.delivery_gaps import Problem, find
from edge.central.ledger.terminal_claims import claims
from edge.central.store.command_results import CommandResult, results
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol.record import Origin
from edge.domain.protocol.resend_command import MAX_RANGE, Resend
from edge.domain.time.instant import utc_text
from edge.errors import LedgerRefused

MAX_COMMANDS = 16
"""Number of commands at a time; a terminal queues as many."""
_LOOK_S = 0.2
_NEVER = timedelta(days=365_000)


@dataclass(frozen=True, slots=True)
class Range:
    """A range of records of one epoch; both ends are included."""

    epoch: str
    first: int
    last: int

    def parts(self) -> Iterator["Range"]:
        """The range in parts that are each short enough for one command."""
        for first in range(self.first, self.last + 1, MAX_RANGE):
            yield Range(self.epoch, first, min(first + MAX_RANGE - 1, self.last))


def require_active(store: Store, origin: Origin) -> None:
    """Raises LedgerError if the terminal has no identity that is registered and not revoked."""
    if not any(one.origin == origin and one.revoked is None for one in store.terminals()):
        raise LedgerRefused(
            f"{origin.site}/{origin.terminal}: no active identity of this name; `smartclocker central terminals` "
            "lists them"
        )


def lacking(store: Store, origin: Origin) -> list[Range]:
    """The missing ranges that `gaps` reports for this terminal. Raises LedgerError."""
    found = [one for one in find(store, _NEVER) if one.origin == origin]
    return [wanted for one in found if (wanted := _range(one)) is not None]


def current_epoch(store: Store, origin: Origin) -> str:
    """The epoch that a terminal claims, otherwise the newest one in the ledger. Raises LedgerError if there is
    none.
    """
    claim = claims(store).get(origin)
    if claim is not None and claim.epoch is not None:
        return claim.epoch
    numbers = {one.id for one in store.terminals() if one.origin == origin}
    epochs = [chain.epoch for chain in store.chains() if chain.terminal in numbers]
    if not epochs:
        raise LedgerRefused(
            f"{origin.site}/{origin.terminal}: nothing of it is known yet; name the epoch (--epoch)"
        )
    return epochs[-1]


def commands_for(origin: Origin, ranges: Sequence[Range], valid: timedelta) -> list[Resend]:
    """One command for each range, or several for a long range. At most MAX_COMMANDS; the rest must be asked for
    later.
    """
    issued = datetime.now(UTC)
    issued_text, expires_text = utc_text(issued), utc_text(issued + valid)
    parts = (part for wanted in ranges for part in wanted.parts())  # a false claim may give very many parts
    return [
        Resend(secrets.token_hex(16), origin, issued_text, expires_text, part.epoch, part.first, part.last)
        for part in islice(parts, MAX_COMMANDS)
    ]


def send(uplink: UplinkSettings, key: SigningKey, wanted: Sequence[Resend]) -> bool:
    """Signs and publishes the commands. The broker keeps them for a terminal that is offline until they expire.

    Returns False if nobody is subscribed: the terminal never connected, or its session ended. Raises BrokerError,
    KeyFileError; RecordError for a command that no terminal would accept. `uplink` has the authority's certificate.
    """
    letters = [CommandMessage(one.origin, _seal(one, key), one.expires) for one in wanted]
    return all(post(uplink, letters))


def answers(store: Store, wanted: Sequence[Resend]) -> dict[str, CommandResult]:
    """The results of these commands so far, by command id. Raises LedgerError."""
    said = results(store, [one.id for one in wanted])
    return {one.id: said[one.origin, one.id] for one in wanted if (one.origin, one.id) in said}


def await_answers(store: Store, wanted: Sequence[Resend], wait_s: float) -> dict[str, CommandResult]:
    """The results of these commands, once all are here or `wait_s` seconds are over. Raises LedgerError."""
    deadline = time.monotonic() + wait_s
    while len(found := answers(store, wanted)) < len(wanted) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)  # the ledger service, another process, stores the results
    return found


def _range(finding: Problem) -> Range | None:
    if not finding.askable or finding.epoch is None or finding.first is None or finding.last is None:
        return None
    return Range(finding.epoch, finding.first, finding.last)


def _seal(command: Resend, key: SigningKey) -> bytes:
    return dsse.to_wire(dsse.sign(Resend.PAYLOAD_TYPE, command.encode(), key))
