"""The ledger's commands at the terminal: each is taken once, and what it asks for is sent beside the new records.

What is unsigned, malformed, for another terminal, expired or repeated changes nothing and is counted (I12).
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
"""Records of a range that are on their way at a time: a part of what a broker takes, so that new ones go first."""
MAX_WAITING = 16
"""Ranges that wait; a ledger that asks for more is told to ask again later."""


@dataclass(slots=True)
class _Range:
    next: int
    last: int


class ResendHandler:
    """On the publisher's thread."""

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self._clock, self._counters = clock, counters
        self._ranges: deque[_Range] = deque()
        self._outstanding: set[int] = set()
        self._through = 0

    def take(self, command: Resend, journal: Journal) -> bool:
        """Judge a genuine command for this terminal, and record what becomes of it. Raises JournalError.

        True when a record was appended. What could not be recorded is not taken: the same command may come again.
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

    def due(self, journal: Journal) -> list[OutgoingRecord]:
        """The next records of a range, once the broker has answered for those before. Raises JournalError.

        Each that is handed over must be told by `passed_on`.
        """
        while self._ranges and not self._outstanding:
            wanted = self._ranges[0]
            found = journal.envelopes(wanted.next - 1, min(BATCH, wanted.last - wanted.next + 1))
            batch = [outgoing for outgoing in found if outgoing.seq <= wanted.last]
            if batch:
                return batch
            self._ranges.popleft()  # at its end, or evicted since
        return []

    def passed_on(self, seq: int, token: int) -> None:
        """Record `seq` of the batch was handed to the broker; `token` will name its answer."""
        self._outstanding.add(token)
        self._through = seq
        self._counters.resent += 1

    def acknowledged(self, token: int, taken: bool) -> bool:
        """The broker's answer; False when it is none of ours. A batch that it did not take begins again."""
        if token not in self._outstanding:
            return False
        self._outstanding.discard(token)
        if not taken:
            self.interrupted()
        elif not self._outstanding and self._ranges:
            self._ranges[0].next = self._through + 1
        return True

    def interrupted(self) -> None:
        """The connection is gone, or the broker takes nothing: the batch on its way is sent again later."""
        self._outstanding.clear()

    def _judge(self, command: Resend, journal: Journal) -> tuple[CommandOutcome, str, _Range | None]:
        """What becomes of a genuine command; parsed before anything is done."""
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
