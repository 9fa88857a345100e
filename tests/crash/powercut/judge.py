"""What a power cut left, opened by the product's own start-up path and held to what was said before the cut."""

import functools
import logging
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.config import load
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_identity
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import decode
from edge.journal import chain, wal_check
from edge.journal.chain import StoredEnvelope, verify_records
from edge.journal.diagnosis import FOLDER
from edge.journal.journal import Journal
from edge.journal.quarantine import ensure_usable
from edge.journal.verify import verify_file
from edge.terminal import adapters, installed
from tests.crash.powercut.disk import Image
from tests.crash.powercut.promises import Promise
from tests.crash.powercut.record import Recording
from tests.crash.powercut.workload import punch

_ROWS = "SELECT seq, kind, person, payload, signature FROM records ORDER BY seq"
_AFTERWARDS = 1_000_000
"""The number of the punch that is appended to every state."""


@dataclass(slots=True)
class Finding:
    """Of one state."""

    signalled: int = 0
    lost: int = 0
    duplicated: int = 0
    unverifiable: int = 0
    quarantined: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not (self.lost or self.duplicated or self.unverifiable or self.quarantined)


def make_fast() -> None:
    """For a process that judges many states of one journal: the same record is verified once.

    No other process writes here, so that nothing is gained by a second look at a torn write-ahead file. What the
    product would log of each state says nothing that the finding does not.
    """
    logging.disable()
    chain.check = functools.lru_cache(maxsize=None)(chain.check)
    wal_check._LOOK_S = 0.0


def build(image: Image, directory: Path) -> None:
    """Make `directory` anew from an image."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    for name in image.directories:
        (directory / name).mkdir(mode=0o700)
    for name, content in image.files.items():
        with (directory / name).open("wb") as file:
            file.write(content.data)
            file.truncate(content.size)


class Judge:
    """Of the states of one recording, in a terminal's directory of its own."""

    def __init__(
        self, recording: Recording, directory: Path, promises: Sequence[Promise], *, set_aside: bool
    ) -> None:
        """`set_aside`: the run began with a journal that cannot be used, and a start must put that away whole."""
        shutil.copytree(recording.terminal, directory, ignore=shutil.ignore_patterns("state"))
        self._config = load(directory / "config.toml").config
        self._secrets, self._clock = installed.load_secrets(self._config), adapters.clock()
        self._promises, self._set_aside = promises, set_aside
        self._base = {path.name: path.read_bytes() for path in recording.base.glob("journal.db*")}
        ledger = load_identity(recording.directory / "ledger").verify_key
        terminal = self._secrets.identity.verify_key
        self._keys = {key_id(ledger): ledger, key_id(terminal): terminal}
        self._receipt = functools.lru_cache(maxsize=None)(self._genuine_receipt)
        self._moment = functools.lru_cache(maxsize=None)(_moment)
        self.state = Path(self._config.storage.state)

    def judge(self, image: Image, at: int, *, deeply: bool) -> Finding:
        """Open the state of a cut at `at`. `deeply`: SQLite's own check and `journal verify` as well."""
        build(image, self.state)
        kept = [promise for promise in self._promises if promise.at < at]
        finding = Finding(signalled=sum(not promise.command for promise in kept))
        try:
            self._open(finding, kept, deeply)
        except Exception as error:  # noqa: BLE001  whatever a start stumbles over, it does not start
            finding.unverifiable = 1
            finding.notes.append(f"{type(error).__name__}: {error}")
        return finding

    def _open(self, finding: Finding, kept: Sequence[Promise], deeply: bool) -> None:
        path, origin = installed.journal_path(self._config), installed.origin(self._config)
        folder = ensure_usable(path, origin, self._secrets.identity, self._clock.evidence)
        if folder is not None and not self._set_aside:
            finding.quarantined += 1
            finding.notes.append(f"set aside in {folder}")
            return
        with installed.open_journal(self._config, self._secrets) as journal:
            rows = self._walk(journal, finding)
            _hold(journal, rows, self._receipted(journal), kept, finding)
            moments = Counter(moment for row in rows if (moment := self._moment(row.payload)) is not None)
            finding.duplicated += sum(count - 1 for count in moments.values())
            stored = journal.append(punch(_AFTERWARDS))
            if journal.hash_at(stored.seq) != stored.hash or stored.seq != (rows[-1].seq if rows else 0) + 1:
                raise RuntimeError("the record that was appended afterwards does not follow")
            if deeply:
                journal.check_structure()
        if self._set_aside:
            self._look_into_quarantine(rows)
        if deeply and (problem := verify_file(path, self._keys).problem) is not None:
            raise RuntimeError(f"journal verify: record {problem.seq}: {problem.what}")

    def _walk(self, journal: Journal, finding: Finding) -> list[StoredEnvelope]:
        rows = [StoredEnvelope(*row) for row in journal._db.execute(_ROWS)]
        problem = verify_records(rows, journal._chain).problem
        if problem is not None:
            finding.unverifiable = 1
            finding.notes.append(f"record {problem.seq}: {problem.what}")
        return rows

    def _receipted(self, journal: Journal) -> int:
        row = journal._db.execute("SELECT upto, envelope FROM receipt").fetchone()
        if row is None:
            return 0
        if (found := self._receipt(row[1])) != (journal.epoch, row[0]):
            raise RuntimeError(f"the receipt that is kept speaks of {found}")
        return int(row[0])

    def _genuine_receipt(self, raw: bytes) -> tuple[str, int]:
        receipt = Receipt.decode(dsse.verify(dsse.parse(raw), Receipt.PAYLOAD_TYPE, self._keys))
        return receipt.epoch, receipt.upto

    def _look_into_quarantine(self, rows: Sequence[StoredEnvelope]) -> None:
        """The old journal lies there once, byte for byte, and the new one begins by saying so."""
        folders = [folder for folder in (self.state / FOLDER).iterdir() if any(folder.glob("journal.db*"))]
        whole = [folder.name for folder in folders if _holds(folder, self._base)]
        if len(folders) != 1 or len(whole) != 1:
            raise RuntimeError(f"the old journal lies whole in {len(whole)} of {len(folders)} folders")
        first = decode(rows[0].payload)
        if rows[0].seq == 1 and (first.kind, first.data.get("quarantine")) != ("gap", whole[0]):
            raise RuntimeError("the new journal does not begin with the gap")


def _hold(
    journal: Journal, rows: Sequence[StoredEnvelope], receipted: int, kept: Sequence[Promise], finding: Finding
) -> None:
    """Every promise: the record is there, or was evicted after a receipt; the command is known."""
    commands = {row[0] for row in journal._db.execute("SELECT id FROM commands")}
    hashes = {row.seq: chain.payload_hash(row.payload) for row in rows}
    first = rows[0].seq if rows else 0
    for promise in kept:
        if promise.command:
            there = promise.command in commands
        elif promise.epoch != journal.epoch:
            there = False
        elif promise.seq in hashes:
            there = hashes[promise.seq] == promise.hash
        else:
            there = promise.seq < first and promise.seq <= receipted
        if not there:
            finding.lost += 1
            if len(finding.notes) < 5:
                finding.notes.append(f"lost: {promise}")


def _holds(folder: Path, files: dict[str, bytes]) -> bool:
    return all((folder / name).exists() and (folder / name).read_bytes() == data for name, data in files.items())


def _moment(payload: bytes) -> tuple[str, int] | None:
    """What tells a punch from every other one; None for another kind."""
    record = decode(payload)
    return (str(record.data["person"]), record.time.boottime_ms) if record.kind == "punch" else None
