"""Imports records from a file, for example from a USB stick. The intake rules are those of the network, so the
order of the files does not matter.

Nothing in a file is trusted without a signature. Each record is accepted by its own signature. The signed manifest
at the end says whether all records are here. Genuine records are stored even if the file was cut off, altered or
mixed with other data.
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
"""Number of records in one commit; they take at most 8 MiB of memory."""


@dataclass(slots=True)
class FileReport:
    """The result of importing one file."""

    path: Path
    header: Header | None = None
    """None if the file could not be opened."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    """Number of records that were stored, were here already, were rejected, or are in conflict."""
    reasons: Counter[RejectReason] = field(default_factory=Counter)
    """Number of records for each reason of a rejection or conflict."""
    unreadable: int = 0
    """Number of lines that are not an envelope of a known type."""
    last: int = 0
    """The highest `seq` among the genuine records of the header's epoch."""
    receipted: int = 0
    """The highest record of that epoch that a receipt of this ledger in the file covers; 0 without such a
    receipt.
    """
    upto: int = 0
    """The last record of that epoch up to which the ledger now holds every record."""
    problems: list[str] = field(default_factory=list)
    """Why the file is not complete, and what is wrong beside its records; empty when the file is complete."""
    unread: bool = False
    """The disk failed; the content may be good."""

    @property
    def ok(self) -> bool:
        """Whether the file is complete and every record in it is in the ledger."""
        return not self.problems


class Importer:
    """Imports files, one after the other, into a ledger."""

    def __init__(
        self, store: Store, key: SigningKey, told: Callable[[Path, int], None] = lambda _path, _records: None
    ) -> None:
        """`key` is the ledger's: it opens sealed files and signs receipts. `told` is called after each commit with
        the path and the number of records so far.
        """
        self.ledger = Ledger(store, key)
        self._store, self._key, self._told = store, key, told

    def take(self, path: Path) -> FileReport:
        """Imports one file. What the report calls stored is durable.

        Raises LedgerError; the same file can then be imported again.
        """
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
                report.problems.append(
                    "cut off or altered: no genuine manifest is at its end; its genuine records were stored"
                )
        self._conclude(report)
        return report

    def receipts(self, now_ns: int) -> list[bytes]:
        """The envelopes of the receipts for all imported records, one for each chain. Raises LedgerError."""
        return [reply.wire for reply in self.ledger.receipts_due(now_ns)]

    def _lines(self, lines: Iterable[Line], header: Header, report: FileReport) -> bool:
        """Imports every line. Returns whether the last line is a genuine manifest of exactly this content."""
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
            # even if a sealed file is cut off: the records before that point are stored
            self._commit(waiting, header, report)
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
        """Whether this manifest is signed by the terminal and covers every byte before it.

        The signature may be by the key of the records, or by another identity of the same terminal that recovered
        them.
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
        """The last record that this receipt covers; 0 if it is not a receipt of this ledger for this epoch."""
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
            report.problems.append(f"{report.unreadable} lines are no envelopes of a type that this version knows")
        if count[Outcome.REJECTED]:
            why = ", ".join(f"{reason.value}: {n}" for reason, n in report.reasons.items())
            report.problems.append(f"{count[Outcome.REJECTED]} records were rejected ({why})")
        if count[Outcome.CONFLICT]:
            report.problems.append(
                f"{count[Outcome.CONFLICT]} records contradict what is held: two histories of one journal. Both "
                "are kept; find out where it was copied or restored"
            )
        if report.upto < report.receipted:  # the ledger was restored from a backup: report what it lost
            report.problems.append(
                f"this ledger had receipted records up to {report.receipted}, and holds them up to {report.upto} "
                "only: it lost some; export with --all"
            )
        elif report.upto < report.last:
            report.problems.append(
                f"record {report.upto + 1} is missing, and the records after it wait for it; export with "
                f"--after {report.upto}"
            )


def write_receipts(path: Path, wires: list[bytes]) -> None:
    """Writes a new file of receipts, one envelope on each line, for `smartclocker journal receipt`.

    Raises TransferError.
    """
    with NewFile(path, TransferError) as file:
        for wire in wires:
            file.write(wire + b"\n")


def _named(line: Line, header: Header) -> tuple[str, int]:
    """The kind that a record claims, and its `seq` in the header's epoch (0 in another epoch). Nothing is
    verified.
    """
    try:
        record = decode(b"" if line.envelope is None else line.envelope.payload)
    except RecordError:
        return "punch", 0  # the ledger rejects it with the reason
    return record.kind, record.position.seq if record.position.epoch == header.epoch else 0
