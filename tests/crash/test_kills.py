"""Whatever is killed, a shown punch is in the ledger once; and the harness that says so can say otherwise."""

import io
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters.replay.console_signals import ConsoleSignals
from edge.domain.attendance.cues import CUES
from edge.domain.protocol.record import decode, payload_hash
from edge.journal.verify import read_payloads
from tests.crash.kills.__main__ import LIVES
from tests.crash.kills.judge import judge
from tests.crash.kills.lights import Life, Match, accepted, match, text_of
from tests.crash.kills.site import again

ROOT = Path(__file__).resolve().parents[2]
IN, OUT, AGAIN = ("punch", "in"), ("punch", "out"), ("suppressed", "in")


def crash(*words: object) -> tuple[int, dict, str]:
    """The exit code, the last line and what was said."""
    command = [sys.executable, "-m", "tests.crash.kills", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, dict, str]:
    """Two dozen kills: what remains, and what was said of it."""
    directory = tmp_path_factory.mktemp("kills") / "site"
    return directory, *crash("--kills", 24, "--seed", 2, "--directory", directory)


@pytest.mark.timeout(1800)
def test_two_dozen_kills_lose_nothing(run) -> None:
    _, code, report, said = run
    assert (code, report["lost"], report["duplicated"], report["unverifiable"]) == (0, 0, 0, 0), said
    assert report["kills"] >= 24
    assert min(report["victims"].values()) >= 8
    assert report["signalled"] > 0


def lives(directory: Path) -> list[Life]:
    found = [Life(**life) for life in json.loads((directory / LIVES).read_text())]
    return [replace(life, shown=[tuple(said) for said in life.shown]) for life in found]


def signalled(directory: Path) -> str:
    """The hash of a punch that a light has shown."""
    life = next(life for life in lives(directory) if life.shown)
    (terminal,) = [one for one in again(directory).terminals if one.name == life.terminal]
    for payload in read_payloads(terminal.journal, 0):
        record = decode(payload)
        if record.kind == "punch" and life.began_ms <= record.time.boottime_ms <= life.ended_ms:
            return payload_hash(payload)
    raise AssertionError("a light without a punch")


TWICE = """
INSERT INTO chains (terminal, epoch, upto, head)
    SELECT terminal, '0', 0, head FROM chains WHERE id = (SELECT chain FROM records WHERE hash = :hash);
INSERT INTO records (chain, seq, kind, person, prev, hash, payload, signature, received)
    SELECT (SELECT max(id) FROM chains), seq, kind, person, prev, hash, payload, signature, received
    FROM records WHERE hash = :hash
"""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("script", "lost", "duplicated"),
    [
        ("DELETE FROM records WHERE hash = :hash", 1, 0),
        ("UPDATE records SET payload = CAST(CAST(payload AS TEXT) || ' ' AS BLOB) WHERE hash = :hash", 1, 1),
        (TWICE, 0, 1),
    ],
)
def test_what_a_ledger_lacks_or_has_twice_is_found(run, tmp_path: Path, script, lost, duplicated) -> None:
    directory = shutil.copytree(run[0], tmp_path / "site", ignore=shutil.ignore_patterns("*.reserve"))
    with closing(sqlite3.connect(directory / "centre" / "ledger.db")) as db, db:
        for statement in script.split(";"):
            db.execute(statement, {"hash": signalled(run[0])})
    found = judge(again(directory), lives(directory))
    assert (found.lost, found.duplicated) == (lost, duplicated), found.problems
    assert found.unverifiable > 0
    assert not found.good


def test_a_light_more_is_found(run) -> None:
    told = lives(run[0])
    told[-1].shown.append(IN)
    found = judge(again(run[0]), told)
    assert found.lost == 1, "the last life sees nobody"
    assert not found.good


@pytest.mark.timeout(1800)
def test_a_light_before_its_record_is_found_to_lose(tmp_path: Path) -> None:
    code, report, said = crash(
        "--kills", 24, "--seed", 4, "--sabotage", "cue-first", "--directory", tmp_path / "site"
    )
    assert code == 1
    assert report["lost"] > 0
    assert "shown, [] in the journal" in said
    assert "daemon.log, the last of" in said, "what each program said last is kept with the failure"
    assert "ledger.log, the last of" in said


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
