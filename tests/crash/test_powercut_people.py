"""Erasures and withdrawals cut off at any write: a short run of `make powercut`, and the proof that it can fail."""

import json
import subprocess
import sys
from pathlib import Path

from tests.crash.powercut.record import ROOT


def powercut(directory: Path, *words: object) -> tuple[int, dict]:
    command = [sys.executable, "-m", "tests.crash.powercut.people", "--directory", directory, *words]
    done = subprocess.run([*map(str, command)], cwd=ROOT, text=True, capture_output=True, timeout=600, check=False)
    assert done.stdout.count("\n") == 1, done.stderr[-2000:]
    return done.returncode, json.loads(done.stdout)


def test_no_cut_leaves_an_erasure_half_done(tmp_path: Path) -> None:
    status, totals = powercut(tmp_path / "run", "--states", 300)
    assert (status, totals["states"], totals["unsound"]) == (0, 300, 0), totals["notes"]
    assert totals["undone"] > 10, "some cuts come before anything happened"
    assert totals["completed"] > 100, "and some after, so that the start had something to finish"


def test_a_start_that_finishes_nothing_is_found(tmp_path: Path) -> None:
    status, totals = powercut(tmp_path / "run", "--states", 60, "--sabotage", "no-finish")
    assert status == 1
    assert totals["unsound"] > 0
