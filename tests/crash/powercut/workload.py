"""A terminal's journal at work, to be run under strace: it says each punch once that is durable in the journal.

    python -m tests.crash.powercut.workload CONFIG LEDGER PLAN SABOTAGE

`SIGNALLED <epoch> <seq> <sha256>` on standard output is the light, `TAKEN <id>` the answer to a command.
"""

import os
import sys
from pathlib import Path

from nacl.signing import SigningKey

from edge.config import load
from edge.config_schema import Config
from edge.crypto.dsse import sign, to_wire
from edge.crypto.key_files import load_identity
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Draft, Position, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal, ReceiptEffect
from edge.terminal import adapters, factory, installed
from edge.terminal.attendance.journal_maintenance import JournalMaintenance
from tests.support.clock import evidence
from tests.support.records import punch as make_punch

NORMAL, CUE_FIRST = "normal", "cue-first"
PEOPLE = ("a" * 26, "b" * 26, "c" * 26)


def punch(number: int) -> Draft:
    """The n-th of a run; `boottime_ms` tells it from every other."""
    return make_punch(PEOPLE[number % len(PEOPLE)], at=evidence(boottime_ms=number))


def say(text: str) -> None:
    """One write, whatever Python would buffer."""
    os.write(1, text.encode() + b"\n")


class Life:
    """One start of the terminal: the attending thread's connection, and the publishing thread's."""

    def __init__(
        self, config: Config, ledger: SigningKey, sabotage: str, pages: int = 0, *, aloud: bool = True
    ) -> None:
        """`pages` between two checkpoints, 0 for SQLite's own 1,000; `aloud`: say what is durable."""
        self._aloud = aloud
        secrets, clock = installed.load_secrets(config), adapters.clock()
        installed.secure_journal(config, secrets, clock)
        self._key, self._ledger, self._cue_first = secrets.identity, ledger, sabotage == CUE_FIRST
        self.journal, self.publisher = (
            installed.open_journal(config, secrets),
            installed.open_journal(config, secrets),
        )
        for journal in (self.journal, self.publisher):
            if sabotage == NORMAL:
                journal._db.execute("PRAGMA synchronous = NORMAL")
            if pages:
                journal._db.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        reserve = Reserve(self.journal.path, config.storage.max_bytes)
        JournalMaintenance(self.journal, reserve, factory.bounds(config)).run(punch(1).time, 0)

    def punch(self, number: int) -> None:
        draft = punch(number)
        if self._cue_first:
            _announce(self.journal, draft)
            self.journal.append(draft)
            return
        stored = self.journal.append(draft)
        if self._aloud:
            say(f"SIGNALLED {self.journal.epoch} {stored.seq} {stored.hash}")

    def take(self, number: int) -> None:
        """A command, answered once it is on record."""
        command = f"{number:032x}"
        data = {"command_id": command, "command": "resend", "outcome": "done", "detail": "1 to 2"}
        stored = self.journal.take_command(command, Draft(Kind.COMMAND_RESULT, data, punch(number).time))
        if stored is None:
            raise RuntimeError("a command was taken twice")
        say(f"TAKEN {command}")
        say(f"SIGNALLED {self.journal.epoch} {stored.seq} {stored.hash}")

    def acknowledge(self) -> None:
        """The ledger holds everything so far."""
        head = self.publisher.head()
        receipt = Receipt(self.journal.origin, self.journal.epoch, head.seq, head.hash, "2026-03-01T08:00:01Z")
        raw = to_wire(sign(Receipt.PAYLOAD_TYPE, receipt.encode(), self._ledger))
        if self.publisher.acknowledge(receipt, raw) is not ReceiptEffect.ADVANCED:
            raise RuntimeError("a receipt was refused")

    def close(self) -> None:
        self.publisher.close()
        self.journal.close()


def _announce(journal: Journal, draft: Draft) -> None:
    """The sabotage: say what will be stored, before it is."""
    head = journal.head()
    payload = encode(journal.origin, Position(journal.epoch, head.seq + 1, head.hash), draft)
    say(f"SIGNALLED {journal.epoch} {head.seq + 1} {payload_hash(payload)}")


def work(life: Life, numbers: range, receipt_every: int, evict_every: int, keep: int) -> None:
    """Punches with receipts, evictions and commands between them."""
    for number in numbers:
        life.punch(number)
        if number % receipt_every == 0:
            life.acknowledge()
        if number % evict_every == 0:
            life.journal.evict(keep)
        if number % 12 == 0:
            life.take(number)


def _lives(config: Config, ledger: SigningKey, sabotage: str) -> None:
    """Processes that die without closing anything; the last one closes."""
    for number in range(6):
        child = os.fork()
        if child == 0:
            life = Life(config, ledger, sabotage, 40 if number % 2 else 0)
            work(life, range(20 * number + 1, 20 * number + 21), 9, 30, 15)
            if number == 5:
                life.close()
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
            raise RuntimeError("a life ended badly")


def main(config_path: Path, ledger_path: Path, plan: str, sabotage: str) -> None:
    """Run a plan to its end; any error ends the process."""
    config, ledger = load(config_path).config, load_identity(ledger_path)
    if plan == "lives":
        _lives(config, ledger, sabotage)
        return
    pages, count, receipt_every, evict_every, keep = PLANS[plan]
    life = Life(config, ledger, sabotage, pages)
    work(life, range(1, count + 1), receipt_every, evict_every, keep)
    life.close()


PLANS = {
    "steady": (0, 420, 25, 100, 120),
    "busy": (48, 220, 9, 40, 30),
    "tight": (6, 60, 7, 20, 10),
    "short": (20, 45, 8, 20, 10),
}
"""(pages between checkpoints, punches, a receipt every, an eviction every, what that keeps)"""

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
