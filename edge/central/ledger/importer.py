"""Records that came on a stick: the same intake rules as for the network, so that their order is no matter.

A file is believed for nothing. Its records stand for themselves, each by its signature; the manifest says whether
all of them are here. What is genuine is stored even where the file was cut off, altered or mixed with other things.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nacl.signing import SigningKey

from edge.central.ledger.intake import Ledger, Outcome, RejectReason
from edge.central.store.records import Store
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.export_manifest import ExportManifest, Header
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import decode
from edge.errors import ExportRefused, RecordError, TransferError
from edge.journal.export_reader import Line, What, incoming
from edge.storage.durable_file import NewFile

_BATCH = 256
"""Records a commit; at most 8 MiB of lines in memory."""


@dataclass(slots=True)
class FileReport:
    """What became of one file."""

    path: Path
    header: Header | None = None
    """None when it could not be opened."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    """How many records were stored, here already, rejected, in conflict."""
    reasons: Counter[RejectReason] = field(default_factory=Counter)
    """Why, for those that were rejected or are in conflict."""
    unreadable: int = 0
    """Lines that are nothing we know."""
    last: int = 0
    """The highest `seq` among the genuine records of the header's epoch."""
    receipted: int = 0
    """How far this ledger had receipted that epoch, as a receipt in the file proves; 0 without one."""
    upto: int = 0
    """How far the ledger now holds that epoch without a gap."""
    problems: list[str] = field(default_factory=list)
    """Why the file is not whole, or what it tells beside its records; empty when all is well."""
    unread: bool = False
    """The disk failed, not the content."""

    @property
    def ok(self) -> bool:
        """The file is whole, and every record in it is in the ledger."""
        return not self.problems


class Importer:
    """Takes files, one after the other, into a ledger."""

    def __init__(
        self, store: Store, key: SigningKey, told: Callable[[Path, int], None] = lambda _path, _records: None
    ) -> None:
        """`key` is the ledger's: it opens what is sealed and signs receipts. `told` hears of every commit."""
        self.ledger = Ledger(store, key)
        self._store, self._key, self._told = store, key, told

    def take(self, path: Path) -> FileReport:
        """Import one file; what it reports as stored is durable. Raises LedgerError: give the file again then."""
        report = FileReport(path)
        try:
            with incoming(path, self._key) as file:
                report.header = file.header
                whole = self._lines(file.lines, file.header, report)
        except ExportRefused as error:
            report.problems.append(str(error).removeprefix(f"{path}: "))
        except TransferError as error:
            report.problems.append(str(error).removeprefix(f"{path}: "))
            report.unread = True
        else:
            if not whole:
                report.problems.append("cut off or altered: no genuine manifest ends it; what is genuine was kept")
        self._conclude(report)
        return report

    def receipts(self, now_ns: int) -> list[bytes]:
        """The envelopes of the receipts for everything that was taken, one a chain. Raises LedgerError."""
        return [reply.wire for reply in self.ledger.receipts_due(now_ns)]

    def _lines(self, lines: Iterable[Line], header: Header, report: FileReport) -> bool:
        """Take every line; whether a genuine manifest of this very content was the last one."""
        waiting: list[Line] = []
        whole = False
        try:
            for line in lines:
                whole = False
                match line.what:
                    case What.RECORD:
                        waiting.append(line)
                    case What.RECEIPT:
                        report.receipted = max(report.receipted, self._receipted(line, header))
                    case What.MANIFEST:
                        whole = self._manifest(line, header)
                    case What.UNREADABLE:
                        report.unreadable += 1
                if len(waiting) >= _BATCH:
                    self._commit(waiting, header, report)
                    waiting = []
        finally:
            self._commit(waiting, header, report)  # also what came before a sealed file was cut off
        return whole

    def _commit(self, lines: list[Line], header: Header, report: FileReport) -> None:
        messages, places = [], []
        for line in lines:
            kind, seq = _named(line, header)
            messages.append((topics.record(header.origin, kind), line.raw))
            places.append(seq)
        for verdict, seq in zip(self.ledger.accept_batch(messages), places, strict=True):
            report.outcomes[verdict.outcome] += 1
            if verdict.reason is not None:
                report.reasons[verdict.reason] += 1
            if verdict.outcome in {Outcome.STORED, Outcome.DUPLICATE}:
                report.last = max(report.last, seq)
        self._told(report.path, report.outcomes.total())

    def _manifest(self, line: Line, header: Header) -> bool:
        """Whether this is the terminal's own word on every byte before it.

        By the key of the records, or by another identity of the same terminal, which recovered them.
        """
        terminal = None if line.envelope is None else self._store.terminal(line.envelope.keyid)
        if terminal is None or line.envelope is None:
            return False
        if terminal.keyid != header.keyid and terminal.origin != header.origin:
            return False
        try:
            keys = {terminal.keyid: terminal.key}
            said = dsse.open(line.envelope, ExportManifest, keys)
        except RecordError:
            return False
        return (said.origin, said.epoch, said.sha256) == (header.origin, header.epoch, line.before)

    def _receipted(self, line: Line, header: Header) -> int:
        """What a receipt of this ledger's own covers; 0 for another one."""
        if line.envelope is None:
            return 0
        try:
            keys = {dsse.key_id(self._key.verify_key): self._key.verify_key}
            said = dsse.open(line.envelope, Receipt, keys)
        except RecordError:
            return 0
        return said.upto if (said.origin, said.epoch) == (header.origin, header.epoch) else 0

    def _upto(self, header: Header) -> int:
        terminal = self._store.terminal(header.keyid)
        if terminal is None:
            return 0
        chain = self._store.find_chain(terminal, header.epoch)
        return 0 if chain is None else chain.upto

    def _conclude(self, report: FileReport) -> None:
        if report.header is None:
            return
        report.upto = self._upto(report.header)
        count = report.outcomes
        if report.unreadable:
            report.problems.append(f"{report.unreadable} lines are not envelopes of ours")
        if count[Outcome.REJECTED]:
            why = ", ".join(f"{reason.value}: {n}" for reason, n in report.reasons.items())
            report.problems.append(f"{count[Outcome.REJECTED]} records were rejected ({why})")
        if count[Outcome.CONFLICT]:
            report.problems.append(
                f"{count[Outcome.CONFLICT]} records contradict what is held: two histories of one journal. Both "
                "are kept; find out where it was copied or restored"
            )
        if report.upto < report.receipted:  # restored from a backup: whoever did it learns here what was lost
            report.problems.append(
                f"this ledger had receipted records up to {report.receipted}, and holds them up to {report.upto} "
                "only: it lost some; export with --all"
            )
        elif report.upto < report.last:
            report.problems.append(
                f"record {report.upto + 1} is missing, and what is behind it waits for it; export with "
                f"--after {report.upto}"
            )


def write_receipts(path: Path, wires: list[bytes]) -> None:
    """A new file of receipts, one envelope a line, for `smartclocker journal receipt`. Raises TransferError."""
    with NewFile(path, TransferError) as file:
        for wire in wires:
            file.write(wire + b"\n")


def _named(line: Line, header: Header) -> tuple[str, int]:
    """The kind that a record claims, and its seq in the header's epoch (0 in another); nothing is verified."""
    try:
        record = decode(b"" if line.envelope is None else line.envelope.payload)
    except RecordError:
        return "punch", 0  # the ledger finds the same, and says so
    return record.kind, record.position.seq if record.position.epoch == header.epoch else 0
