"""A small world whose every message is genuine: what the mutants are made of."""

from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol import resend_command, topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import GENESIS, Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.domain.protocol.resend_command import Resend
from edge.journal import export
from edge.journal.journal import Journal
from edge.terminal.uplink.status import Online, last_will, online, stopped
from tests.support.clock import NOW
from tests.support.people import ANN
from tests.support.records import punch_data

GATE, OTHER_GATE = Origin("main", "gate-1"), Origin("main", "gate-2")
TERMINAL, OTHER, LEDGER, STRANGER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3, 4))
KEYS = {dsse.key_id(key.verify_key): key.verify_key for key in (TERMINAL, LEDGER)}
RECEIPTED = 9
"""The terminal's watermark; three records are behind it."""
_UTC = "2026-03-02T07:59:58.120Z"
_PUNCH = punch_data()
_CORRECTION = {
    "person": ANN,
    "change": "amended",
    "corrects": f"gate-1/{'e' * 32}/1",
    "direction": "out",
    "at": _UTC,
    "reason": "forgotten",
    "worker": "asked",
    "employer": "agrees",
    "by": "4711",
}
_STEP = {
    "step_ms": -3_600_000,
    "before": _UTC,
    "after": _UTC,
    "synchronised_before": False,
    "synchronised_after": True,
}
_DRAFTS = (
    (Kind.BOOT, {"version": "1", "models": ["mobilefacenet-1"]}),
    (Kind.CONSENT, {"person": ANN, "state": "given", "policy_version": "1", "policy_sha256": "c" * 64}),
    (Kind.ENROLLED, {"person": ANN, "models": ["mobilefacenet-1"], "templates": 3, "by": "uid:1000"}),
    (Kind.PUNCH, _PUNCH),
    (Kind.SUPPRESSED, {**_PUNCH, "duplicate_of": 4}),
    (Kind.PUNCH, {**_PUNCH, "direction": "out", "models": ["größe", "二"]}),
    (Kind.CLOCK_STEP, _STEP),
    (Kind.CORRECTION, _CORRECTION),
)


@dataclass(frozen=True, slots=True)
class Seed:
    """A genuine message and where it arrives."""

    topic: str
    wire: bytes


@dataclass(frozen=True, slots=True)
class World:
    """Everything that was genuinely said, and the terminal's journal that said it."""

    journal: Path
    records: tuple[Seed, ...]
    receipts: tuple[Seed, ...]
    commands: tuple[Seed, ...]
    statuses: tuple[Seed, ...]
    exports: tuple[bytes, ...]
    """Whole files: open ones and a sealed one."""


def make(directory: Path) -> World:
    """Write the journal and two exports of it, take both back as bytes."""
    path = directory / "journal.db"
    with Journal(path, GATE, TERMINAL) as journal:
        for kind, data in _DRAFTS:
            journal.append(Draft(kind, data, NOW))
        taken = [_command(journal, number) for number in range(3)]
        journal.append(Draft(Kind.PUNCH, _PUNCH, NOW))
        said = [_receipt(journal, upto) for upto in (0, 4, RECEIPTED)]
        last = Receipt.decode(dsse.parse(said[-1]).payload)
        journal.acknowledge(last, said[-1])
        records = tuple(Seed(topics.record(GATE, out.kind), out.wire) for out in journal.envelopes(0, 100))
        told = Online(journal.epoch, 12, RECEIPTED, False, ["no-ledger"], {"sent": 12}, _UTC)
    exports = []
    for number, (after, seal_to) in enumerate([(None, None), (0, None), (0, LEDGER.verify_key)]):
        target = directory / f"{number}.scx"
        export.export(path, TERMINAL, target, created=_UTC, after=after, seal_to=seal_to)
        exports.append(target.read_bytes())
    statuses = [online(told), stopped(), last_will(GATE)[1]]
    return World(
        path,
        records,
        tuple(Seed(topics.receipt(GATE), wire) for wire in said),
        tuple(Seed(topics.command(GATE), wire) for wire in taken),
        tuple(Seed(topics.status(GATE), wire) for wire in statuses),
        tuple(exports),
    )


def _receipt(journal: Journal, upto: int) -> bytes:
    head = journal.hash_at(upto) or GENESIS
    payload = Receipt(GATE, journal.epoch, upto, head, "2026-03-02T08:00:00.000Z").encode()
    return dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, payload, LEDGER))


def _command(journal: Journal, number: int) -> bytes:
    """One that was taken: repeated, it changes nothing."""
    expires = "2026-03-02T09:00:00.000Z"
    command = Resend(f"{number:032x}", GATE, "2026-03-02T07:00:00.000Z", expires, journal.epoch, 1, 4)
    what = {"command_id": command.id, "command": resend_command.RESEND}
    data = {**what, "outcome": "done", "detail": "sending 1 to 4"}
    journal.take_command(command.id, Draft(Kind.COMMAND_RESULT, data, NOW))
    return dsse.to_wire(dsse.sign(Resend.PAYLOAD_TYPE, command.encode(), LEDGER))
