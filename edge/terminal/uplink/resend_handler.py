"""The ledger's resend commands at the terminal: each is taken once, and its records are sent beside the new ones.

A command that is unsigned, malformed, for another terminal, expired or repeated changes nothing and is counted
(I12).
"""

from collections import deque
from dataclasses import dataclass

from edge.domain.protocol import resend_command
from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import CommandOutcome, Kind
from edge.domain.protocol.resend_command import Resend
from edge.journal.journal import Journal, OutgoingRecord
from edge.ports import Clock
from edge.terminal.uplink.counters import Counters

BATCH = 16
"""Number of records of a range that are on their way at a time: less than a broker takes, so that new records do
not wait.
"""
MAX_WAITING = 16
"""Number of ranges that may wait; further commands are refused, and the ledger may ask again later."""


@dataclass(slots=True)
class _Range:
    next: int
    last: int


class ResendHandler:
    """The commands of the ledger; used on the publisher's thread."""

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self._clock, self._counters = clock, counters
        self._ranges: deque[_Range] = deque()
        self._outstanding: set[int] = set()
        self._through = 0

    def take(self, command: Resend, journal: Journal) -> bool:
        """Judge a genuine command for this terminal, and record its outcome. Raises JournalError.

        Returns True when a record was appended. A command whose outcome could not be recorded is not taken, so that
        it may come again.
        """
        evidence = self._clock.evidence()
        if evidence.synchronised and resend_command.expired(command, evidence.utc):
            self._counters.commands_rejected += 1
            return False
        outcome, detail, wanted = self._judge(command, journal)
        data = {
            "command_id": command.id,
            "command": resend_command.RESEND,
            "outcome": str(outcome),
            "detail": detail,
        }
        if journal.take_command(command.id, Draft(Kind.COMMAND_RESULT, data, evidence)) is None:
            self._counters.commands_rejected += 1
            return False
        self._counters.commands += 1
        if wanted is not None:
            self._ranges.append(wanted)
        return True

    def due(self, journal: Journal, room: int = BATCH) -> list[OutgoingRecord]:
        """The next records of a range, at most `room`, once the broker has answered for the batch before. Raises
        JournalError.

        The caller must report each record that it hands over by `passed_on`.
        """
        while room and self._ranges and not self._outstanding:
            wanted = self._ranges[0]
            found = journal.envelopes(wanted.next - 1, min(room, wanted.last - wanted.next + 1))
            batch = [outgoing for outgoing in found if outgoing.seq <= wanted.last]
            if batch:
                return batch
            self._ranges.popleft()  # the range is sent, or was evicted since
        return []

    def passed_on(self, seq: int, token: int) -> None:
        """Note that record `seq` of the batch was handed to the broker, whose answer will have `token`."""
        self._outstanding.add(token)
        self._through = seq
        self._counters.resent += 1

    def acknowledged(self, token: int, taken: bool) -> bool:
        """Take the broker's answer; False when it is not for a resent record. If the broker did not take a record,
        its batch is sent again.
        """
        if token not in self._outstanding:
            return False
        self._outstanding.discard(token)
        if not taken:
            self.interrupted()
        elif not self._outstanding and self._ranges:
            self._ranges[0].next = self._through + 1
        return True

    def interrupted(self) -> None:
        """Forget the batch on its way, because the connection is gone or the broker takes nothing; it is sent again
        later.
        """
        self._outstanding.clear()

    def _judge(self, command: Resend, journal: Journal) -> tuple[CommandOutcome, str, _Range | None]:
        """The outcome of a genuine command, its detail, and the range to send."""
        if command.epoch != journal.epoch:
            return CommandOutcome.REFUSED, f"not the epoch of this journal, which is {journal.epoch}", None
        if len(self._ranges) >= MAX_WAITING:
            return CommandOutcome.REFUSED, f"{MAX_WAITING} commands wait already; ask again later", None
        stats = journal.stats()
        oldest = stats.head - stats.records + 1
        first, last = max(command.first, oldest), min(command.last, stats.head)
        if first > last:
            return CommandOutcome.REFUSED, f"none is here: this journal holds {_span(oldest, stats.head)}", None
        if (first, last) == (command.first, command.last):
            return CommandOutcome.DONE, f"sending {_span(first, last)} again", _Range(first, last)
        detail = f"sending {_span(first, last)} again; this journal holds {_span(oldest, stats.head)}"
        return CommandOutcome.PARTLY, detail, _Range(first, last)


def _span(first: int, last: int) -> str:
    if last < first:
        return "no record"
    return f"record {first}" if first == last else f"records {first} to {last}"
