"""What was said before a cut: the records that must be there, and the commands that must not be taken again."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.domain.protocol.record import decode, payload_hash
from edge.journal.verify import read_payloads
from tests.crash.powercut.trace import Event, Said

_SIGNALLED = re.compile(r"SIGNALLED ([0-9a-f]{32}) ([0-9]+) ([0-9a-f]{64})")
_TAKEN = re.compile(r"TAKEN ([0-9a-f]{32})")
_LIGHT = re.compile(r"  (ALREADY )?(IN|OUT)$")
_ANSWERED = {"": "punch", "ALREADY ": "suppressed"}


@dataclass(frozen=True, slots=True)
class Promise:
    """A record that was signalled, or with `command` a command that was taken."""

    at: int
    """The number of the event that said so."""
    epoch: str = ""
    seq: int = 0
    hash: str = ""
    command: str = ""


def promised_before(journal: Path) -> Iterator[Promise]:
    """Every record that was durable before the recording began; nothing without a journal. Raises JournalError."""
    if journal.exists():
        for payload in read_payloads(journal, 0):
            place = decode(payload).position
            yield Promise(-1, place.epoch, place.seq, payload_hash(payload))


def spoken(events: Sequence[Event]) -> Iterator[Promise]:
    """What the workload said. Raises ValueError for a line that is not its own."""
    for at, event in enumerate(events):
        if not isinstance(event, Said):
            continue
        if (found := _SIGNALLED.fullmatch(event.text)) is not None:
            yield Promise(at, found[1], int(found[2]), found[3])
        elif (found := _TAKEN.fullmatch(event.text)) is not None:
            yield Promise(at, command=found[1])
        else:
            raise ValueError(f"not a line of the workload: {event.text!r}")


def lights(events: Sequence[Event], journal: Path, after: int) -> Iterator[Promise]:
    """What the daemon's lights promised: the n-th light answers the n-th record that a light can answer.

    `journal` is what it left behind, whole; records up to seq `after` were there before. Raises ValueError when a
    light has no record there.
    """
    records = [(decode(payload), payload_hash(payload)) for payload in read_payloads(journal, after)]
    answers = iter([(record, digest) for record, digest in records if record.kind in _ANSWERED.values()])
    for at, event in enumerate(events):
        found = _LIGHT.search(event.text) if isinstance(event, Said) else None
        if found is None:
            continue
        record, digest = next(answers, (None, ""))
        if record is None or record.kind != _ANSWERED[found[1] or ""]:
            raise ValueError(f"the light {found[0]!r} answers no record of the journal")
        yield Promise(at, record.position.epoch, record.position.seq, digest)
