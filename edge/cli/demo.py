"""`smartclocker demo`: a company in a minute, with real parts, and the numbers that must agree."""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge.cli import add_json
from edge.domain.plural import command

if TYPE_CHECKING:
    from edge.demo.stage import Stage


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `demo`."""
    parser.description = (
        "Run a whole company on this machine for a minute: a private broker with TLS, a ledger, and one terminal "
        "whose camera sees real photographs. Two people enrol and punch, a stranger is refused, the broker dies. "
        "Exit code 0 only if every number agrees."
    )
    parser.epilog = (
        "Needs mosquitto (`apt install mosquitto`) and the [central] extra. Nothing is left behind without --keep."
    )
    add_json(parser)
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="leave every file in this new directory, for inspection"
    )
    parser.set_defaults(call=run)


@dataclass
class DemoReport:
    """The numbers that the demo counted."""

    unexpected: list[str] = field(default_factory=list)
    punches: int = 0
    ledger: int = 0
    receipted: int = 0
    journal_chain: str = "not verified"
    ledger_chain: str = "not verified"
    exit_code: int = 0
    frame_to_cue_ms: dict[str, float] = field(default_factory=dict)
    face_to_cue_ms: dict[str, float] = field(default_factory=dict)

    @property
    def chain(self) -> str:
        """`ok`, or the first fault of the journal's or the ledger's chain."""
        return next((said for said in (self.journal_chain, self.ledger_chain) if said != "ok"), "ok")

    def agrees(self, expected: int) -> bool:
        """Whether every number is as expected."""
        counts = {self.punches, self.ledger, self.receipted}
        return counts == {expected} and self.chain == "ok" and not self.unexpected and self.exit_code == 0


def run(arguments: argparse.Namespace) -> int:
    """Sets up the demo, runs it, counts, and cleans up."""
    from edge.errors import SmartClockerError

    keep: Path | None = arguments.keep
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise SmartClockerError(f"{keep} is not empty; name a new directory for --keep")
    out = sys.stderr if arguments.json else sys.stdout
    directory = Path(tempfile.mkdtemp(prefix="smartclocker-demo-")) if keep is None else keep.absolute()
    try:
        report, expected = _play(directory, out)
    finally:
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    good = report.agrees(expected)
    _close(report, expected, directory if keep is not None else None, out)
    if arguments.json:
        print(
            json.dumps(
                {
                    "punches": report.punches,
                    "ledger": report.ledger,
                    "receipted": report.receipted,
                    "chain": report.chain,
                    "frame_to_cue_ms": report.frame_to_cue_ms,
                    "face_to_cue_ms": report.face_to_cue_ms,
                    "unexpected": report.unexpected,
                    "kept": None if keep is None else str(directory),
                }
            )
        )
    return 0 if good else 1


def _play(directory: Path, out: TextIO) -> tuple[DemoReport, int]:
    from edge.demo.stage import raise_stage
    from edge.demo.story import tell

    report = DemoReport()
    with raise_stage(directory, out) as stage:
        expected = tell(stage, report.unexpected, out)
        _count(stage, report)
        report.exit_code = stage.stop_terminal()
    _verify(stage, report)
    return report, expected


def _count(stage: "Stage", report: DemoReport) -> None:
    """Counts the records at both ends while everything still runs."""
    from edge.central.store.records import Store
    from edge.terminal import installed

    secrets = installed.load_secrets(stage.config)
    with installed.open_journal(stage.config, secrets) as journal, Store(stage.ledger_db) as store:
        punched = [entry.seq for entry in journal.envelopes(0, 10_000) if entry.kind == "punch"]
        report.punches = len(punched)
        report.receipted = sum(seq <= journal.watermark() for seq in punched)
        report.ledger = store.count("punch")
    if stage.terminal is not None:
        frame, face = stage.terminal.latency.frame_to_cue(), stage.terminal.latency.face_to_cue()
        report.frame_to_cue_ms = {"p50": frame.p50, "p95": frame.p95}
        report.face_to_cue_ms = {"p50": face.p50, "p95": face.p95}


def _verify(stage: "Stage", report: DemoReport) -> None:
    """Verifies both chains after the end, from the files and with public keys only."""
    from edge.central.ledger.recheck import verify_all
    from edge.central.store.records import Store
    from edge.crypto.dsse import key_id
    from edge.crypto.key_files import load_public
    from edge.journal.verify import verify_file
    from edge.terminal.installed import journal_path

    public = [stage.directory / "terminal/identity.pem", stage.directory / "centre/ledger.pem"]
    keys = {key_id(key): key for key in map(load_public, public)}
    kept = verify_file(journal_path(stage.config), keys)
    report.journal_chain = "ok" if kept.problem is None else f"record {kept.problem.seq}: {kept.problem.what}"
    with Store(stage.ledger_db) as store:
        bad = [chain for chain in verify_all(store) if not chain.ok]
    report.ledger_chain = "ok" if not bad else f"ledger: {bad[0].problem}"


def _close(report: DemoReport, expected: int, kept: Path | None, out: TextIO) -> None:
    """Prints the table, and the commands to try next."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="What remains", show_header=False, title_justify="left")
    for name, value in [
        ("punches on the terminal", f"{report.punches} (expected {expected})"),
        ("in the ledger", str(report.ledger)),
        ("covered by signed receipts", str(report.receipted)),
        ("chain, terminal", report.journal_chain),
        ("chain, ledger", report.ledger_chain),
        ("frame to cue", _milliseconds(report.frame_to_cue_ms)),
        ("first sight to cue", _milliseconds(report.face_to_cue_ms)),
    ]:
        table.add_row(name, value)
    console = Console(file=out, highlight=False)
    console.print()
    console.print(table)
    for line in report.unexpected:
        console.print(f"unexpected: {line}")
    if kept is not None:
        console.print(f"kept in {kept}; try:", soft_wrap=True)
        for words in (
            ("journal", "verify", "--config", kept / "terminal/config.toml"),
            ("central", "verify", kept / "centre"),
        ):
            console.print(f"  {command(*words)}", soft_wrap=True)


def _milliseconds(figures: "dict[str, float]") -> str:
    return f"p50 {figures.get('p50', 0):.1f} ms, p95 {figures.get('p95', 0):.1f} ms"
