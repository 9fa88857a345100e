"""Power cuts: the shortened runs of `make powercut`, and the proofs that it can fail."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config import load
from edge.terminal import installed
from tests.crash.powercut import record
from tests.crash.powercut.disk import Content, Image
from tests.crash.powercut.judge import Finding, Judge
from tests.crash.powercut.promises import spoken
from tests.crash.powercut.record import ROOT, Recording, python
from tests.crash.powercut.variants import VARIANTS, lay_out
from tests.crash.powercut.workload import punch

NONE = {"lost": 0, "duplicated": 0, "unverifiable": 0, "quarantined": 0}


def powercut(directory: Path, *words: object) -> tuple[int, dict[str, int]]:
    """The exit code and the last line."""
    command = [sys.executable, "-m", "tests.crash.powercut", "--directory", directory, *words]
    done = subprocess.run([*map(str, command)], cwd=ROOT, text=True, capture_output=True, timeout=600, check=False)
    assert done.stdout.count("\n") == 1, done.stderr[-2000:]
    return done.returncode, json.loads(done.stdout)


def test_no_cut_loses_a_signalled_punch(tmp_path: Path) -> None:
    status, totals = powercut(tmp_path / "run", "--states", 300, "--variants", "tight,again,old-format,altered")
    assert {key: totals[key] for key in NONE} == NONE
    assert (status, totals["states"], totals["daemon_starts"]) == (0, 300, 1)
    assert totals["signalled"] > 300


def test_no_cut_loses_a_punch_that_the_daemon_lit(tmp_path: Path) -> None:
    status, totals = powercut(tmp_path / "run", "--states", 60, "--variants", "daemon", "--punches", 2)
    assert {key: totals[key] for key in NONE} == NONE
    assert (status, totals["states"]) == (0, 60)
    assert totals["signalled"] >= 60


@pytest.mark.parametrize("sabotage", ["normal", "cue-first"])
def test_sabotage_is_found(tmp_path: Path, sabotage: str) -> None:
    status, totals = powercut(tmp_path / "run", "--states", 190, "--variants", "tight", "--sabotage", sabotage)
    assert (status, totals["states"]) == (1, 190)
    assert totals["lost"] > 0


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    directory = tmp_path_factory.mktemp("powercut") / "tight"
    config = lay_out(directory, VARIANTS["tight"])
    work = python("-m", "tests.crash.powercut.workload", config, directory / "ledger", "tight", "none")
    return record.record(directory, "tight", work)


@pytest.fixture
def judge(recording: Recording, tmp_path: Path) -> Callable[[Callable[[Path], object]], Finding]:
    """Do something to what the run left, and judge that."""

    def judge(spoil: Callable[[Path], object]) -> Finding:
        files = {path.name: path.read_bytes() for path in (recording.terminal / "state").glob("journal.db*")}
        place = tmp_path / "spoilt"
        place.mkdir()
        for name, data in files.items():
            (place / name).write_bytes(data)
        spoil(place / "journal.db")
        image = Image({p.name: Content(bytearray(p.read_bytes()), p.stat().st_size) for p in place.iterdir()})
        judge = Judge(recording, tmp_path / "judge", list(spoken(recording.events)), set_aside=False)
        return judge.judge(image, len(recording.events), deeply=True)

    return judge


@pytest.fixture
def change(recording: Recording) -> Callable[..., Callable[[Path], object]]:
    """Statements in the spoilt journal."""

    def change(*statements: str) -> Callable[[Path], object]:
        def spoil(journal: Path) -> None:
            db = sqlite3.connect(journal, isolation_level=None)
            for statement in statements:
                assert db.execute(statement).rowcount > 0
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()

        return spoil

    return change


def test_the_judge_finds_nothing_wrong_with_what_the_run_left(judge) -> None:
    finding = judge(lambda journal: None)
    assert finding.sound, finding
    assert finding.signalled == 65


def test_the_judge_misses_a_record(judge, change) -> None:
    finding = judge(change("DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)"))
    assert finding.lost == 1


def test_the_judge_misses_a_command(judge, change) -> None:
    finding = judge(change("DELETE FROM commands WHERE seq = (SELECT max(seq) FROM commands)"))
    assert finding.lost == 1


def test_the_judge_misses_what_was_evicted_without_a_receipt(judge, change) -> None:
    finding = judge(change("DELETE FROM receipt"))
    assert finding.lost > 0


def test_the_judge_counts_a_punch_that_is_there_twice(judge, recording: Recording) -> None:
    config = load(recording.config).config
    secrets = installed.load_secrets(config)

    def again(path: Path) -> None:
        with installed.Journal(path, installed.origin(config), secrets.identity) as journal:
            journal.append(punch(60))

    finding = judge(again)
    assert (finding.duplicated, finding.lost, finding.unverifiable) == (1, 0, 0)


def test_the_judge_sees_an_altered_record(judge, change) -> None:
    finding = judge(change("UPDATE records SET person = 'x' WHERE seq = (SELECT max(seq) - 5 FROM records)"))
    assert finding.unverifiable == 1


def test_the_judge_sees_a_journal_that_a_start_sets_aside(judge) -> None:
    finding = judge(lambda journal: journal.write_bytes(b"not a journal"))
    assert finding.quarantined == 1


def test_the_judge_sees_a_journal_that_does_not_open(judge) -> None:
    def newer(journal: Path) -> None:
        db = sqlite3.connect(journal, isolation_level=None)
        db.execute("PRAGMA user_version = 99")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()

    finding = judge(newer)
    assert finding.unverifiable == 1
    assert "format 99" in finding.notes[0]


def test_a_light_without_a_record_is_refused(recording: Recording, tmp_path: Path) -> None:
    from tests.crash.powercut.promises import lights
    from tests.crash.powercut.trace import Said

    journal = recording.terminal / "state" / "journal.db"
    with pytest.raises(ValueError, match="answers no record"):
        list(lights([Said("08:00  G · ·  IN")] * 500, journal, 0))
    assert list(lights([Said("08:00  · · ·  LOOKING")], journal, 0)) == []
