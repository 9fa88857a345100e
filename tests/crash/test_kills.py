"""Whatever is killed, a shown punch is in the ledger once; and the harness that says so can say otherwise."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.adapters.signals_console import ConsoleSignals
from edge.domain.cues import CUES
from tests.crash.kills.lights import Match, accepted, match, text_of

ROOT = Path(__file__).resolve().parents[2]
IN, OUT, AGAIN = ("punch", "in"), ("punch", "out"), ("suppressed", "in")


def crash(*words: object) -> tuple[int, dict, str]:
    """The exit code, the last line and what was said."""
    command = [sys.executable, "-m", "tests.crash.kills", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.timeout(400)
def test_two_dozen_kills_lose_nothing(tmp_path: Path) -> None:
    code, report, said = crash("--kills", 24, "--seed", 2, "--directory", tmp_path / "site")
    assert (code, report["lost"], report["duplicated"], report["unverifiable"]) == (0, 0, 0, 0), said
    assert report["kills"] >= 24
    assert min(report["victims"].values()) >= 8
    assert report["signalled"] > 0


@pytest.mark.timeout(400)
def test_a_light_before_its_record_is_found_to_lose(tmp_path: Path) -> None:
    code, report, said = crash(
        "--kills", 24, "--seed", 4, "--sabotage", "cue-first", "--directory", tmp_path / "site"
    )
    assert code == 1
    assert report["lost"] > 0
    assert "shown, [] in the journal" in said


@pytest.mark.parametrize("cue", CUES.values(), ids=str)
def test_every_line_of_the_console_is_read(cue) -> None:
    drawn = io.StringIO()
    ConsoleSignals(drawn).announce(cue)
    assert text_of(drawn.getvalue()) == cue.text
    assert text_of(drawn.getvalue()[:-2]) is None, "cut off by the kill"


def test_the_accepting_lights_are_these() -> None:
    said = {cue.text: accepted(cue.text) for cue in CUES.values() if accepted(cue.text) is not None}
    assert said == {"IN": IN, "OUT": OUT, "ALREADY IN": AGAIN, "ALREADY OUT": ("suppressed", "out")}


@pytest.mark.parametrize(
    ("shown", "committed", "found"),
    [
        ([], [], Match((), 0, 0)),
        ([IN, OUT], [IN, OUT], Match((0, 1), 0, 0)),
        ([IN], [IN, OUT], Match((0,), 0, 1)),
        ([IN], [], Match((), 1, 0)),
        ([IN, IN], [IN], Match((0,), 1, 0)),
        ([OUT], [IN], Match((), 1, 1)),
        ([IN], [AGAIN], Match((), 1, 1)),
        ([IN, OUT], [OUT, IN], Match((1,), 1, 1)),
        ([IN], [OUT, IN, OUT], Match((1,), 0, 2)),
    ],
)
def test_lights_are_matched_in_order(shown, committed, found) -> None:
    assert match(shown, committed) == found
