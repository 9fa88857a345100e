"""I1, read from the kernel's side: at every accepting light, nothing of the journal is unsynced."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.journal.verify import read_payloads
from tests.support.badge_terminal import added, present, smartclocker, wait_for
from tests.support.lit_terminal import GREEN, lights, running

_CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<call>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+)\s+<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")


@dataclass(frozen=True, slots=True)
class Act:
    """One finished system call, or the beginning of a write."""

    call: str
    rest: str


def acts(trace: Iterable[str]) -> Iterator[Act]:
    """What happened, in order: a write counts from its beginning, everything else when it has returned."""
    pending: dict[str, str] = {}
    for line in trace:
        if (found := _CALL.match(line)) is not None:
            unfinished = "<unfinished" in found["rest"]
            if unfinished:
                pending[found["pid"]] = found["rest"]
            if not unfinished or found["call"] == "pwrite64":
                yield Act(found["call"], found["rest"])
        elif (found := _RESUMED.match(line)) is not None:
            rest = pending.pop(found["pid"], "") + found["rest"]
            if found["call"] != "pwrite64":
                yield Act(found["call"], rest)


def violations(trace: Iterable[str], other_records: int = 0) -> tuple[list[str], int]:
    """The accepting lights that came too early, and how many accepting lights there were.

    Each light answers one record of its own, so at the n-th light n records, and `other_records` that no light
    answers, must have been written and synced, and nothing may be written and not synced.
    """
    wrong: list[str] = []
    unsynced, durable, count = False, 0, 0
    for act in acts(trace):
        journal = "journal.db-wal>" in act.rest
        if act.call == "pwrite64" and journal:
            unsynced = True
        elif act.call in {"fdatasync", "fsync"} and journal and act.rest.rstrip().endswith("= 0"):
            durable += unsynced
            unsynced = False
        elif act.call == "write" and GREEN.search(act.rest):
            count += 1
            if unsynced or durable < count + other_records:
                wrong.append(act.rest)
    return wrong, count


def synced_writes(trace: Iterable[str]) -> int:
    """How often the journal was written and then synced."""
    unsynced, durable = False, 0
    for act in acts(trace):
        if "journal.db-wal>" not in act.rest:
            continue
        if act.call == "pwrite64":
            unsynced = True
        elif act.call in {"fdatasync", "fsync"}:
            durable += unsynced
            unsynced = False
    return durable


WRITE = '7 pwrite64(9</x/journal.db-wal>, "..."..., 4096, 0) = 4096\n'
SYNC = "7 fdatasync(9</x/journal.db-wal>)  = 0\n"
LIGHT = '8 write(1</o>, "12:00:00  G  ▮  IN\\n", 30) = 30\n'


def test_a_light_before_its_own_record_is_seen_behind_the_records_of_others() -> None:
    boot = [WRITE, SYNC]
    assert violations([*boot, WRITE, SYNC, LIGHT, WRITE, SYNC, LIGHT], 1) == ([], 2)
    assert len(violations([*boot, LIGHT, WRITE, SYNC, LIGHT, WRITE, SYNC], 1)[0]) == 2


@pytest.mark.parametrize(
    ("trace", "bad"),
    [
        ([WRITE, SYNC, LIGHT], 0),
        ([WRITE, SYNC, LIGHT, WRITE, SYNC, LIGHT], 0),
        ([WRITE, LIGHT, SYNC], 1),
        ([LIGHT], 1),
        ([WRITE, SYNC, LIGHT, LIGHT], 1),
        ([WRITE, SYNC, WRITE, LIGHT], 1),
        ([WRITE, SYNC.replace("= 0", "= -1 EIO (Input/output error)"), LIGHT], 1),
        (
            [
                WRITE,
                "7 fdatasync(9</x/journal.db-wal> <unfinished ...>\n",
                LIGHT,
                "7 <... fdatasync resumed>) = 0\n",
            ],
            1,
        ),
        (
            [
                WRITE,
                "7 fdatasync(9</x/journal.db-wal> <unfinished ...>\n",
                "7 <... fdatasync resumed>) = 0\n",
                LIGHT,
            ],
            0,
        ),
        ([WRITE, SYNC.replace("journal.db-wal", "people.db-wal"), LIGHT], 1),
    ],
)
def test_the_reader_of_traces_can_fail(trace: list[str], bad: int) -> None:
    assert len(violations(trace)[0]) == bad


def test_the_journal_is_synced_before_every_accepting_light(site, enrol, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    assert strace is not None, "strace is not installed; `make setup` installs it"
    enrol(site, "obama.jpg", "obama2.jpg")
    trace = tmp_path / "trace"
    options = ["-f", "-y", "-s", "256", "-e", "trace=pwrite64,fdatasync,fsync,write", "-o", str(trace)]
    run = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
    with running(strace, *options, *run) as tracer:
        lights(tracer, 3)
        subprocess.run(["pkill", "-TERM", "-P", str(tracer.pid)], check=True)
        assert tracer.wait(300) == 0
    lines = trace.read_text(errors="replace").splitlines()
    shown = violations(lines)[1]
    # What no light answers is written before the first one: opening the journal, and the boot.
    wrong, seen = violations(lines, other_records=synced_writes(lines) - shown)
    punches = sum(b'"smartclocker.punch.v1"' in payload for payload in read_payloads(site.journal, 0))
    assert wrong == []
    assert seen >= punches >= 3


def test_the_journal_is_synced_before_the_light_of_a_correction(site, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    assert strace is not None, "strace is not installed; `make setup` installs it"
    reader, buttons = site.directory / "reader", site.directory / "buttons"
    os.mkfifo(reader)
    os.mkfifo(buttons)
    text = site.config.read_text()
    site.config.write_text(
        f'{text}\n[recognition]\nmode = "badge"\n[reader]\nkind = "script"\nscript = "{reader}"\n'
        f'[buttons]\nkind = "script"\nscript = "{buttons}"\n'
    )
    person = added(site, "Ann Example")
    smartclocker("people", "badge", person, "--config", site.config, typed="4711")
    trace = tmp_path / "trace"
    options = ["-f", "-y", "-s", "8192", "-e", "trace=pwrite64,fdatasync,fsync,write", "-o", str(trace)]
    run = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
    with running(strace, *options, *run) as tracer:
        wait_for(tracer, "ready")
        present(reader, "badge 4711")
        wait_for(tracer, "  IN\n")
        for line, shown in (("out", "  OUT\n"), ("break", "  BREAK BEGINS\n"), ("in", "  IN\n")):
            present(buttons, line)
            wait_for(tracer, "now your face, badge or PIN")
            present(reader, "badge 4711")  # no camera sees whose press it is: the badge says so
            wait_for(tracer, shown)
        subprocess.run(["pkill", "-TERM", "-P", str(tracer.pid)], check=True)
        assert tracer.wait(300) == 0
    lines = trace.read_text(errors="replace").splitlines()
    shown_times = violations(lines)[1]
    assert shown_times == 4
    assert violations(lines, other_records=synced_writes(lines) - shown_times)[0] == []


def test_a_punch_survives_the_kill_of_the_terminal_after_green(site, enrol) -> None:
    """SIGKILL as soon as the light is seen: the punch is there."""
    person = enrol(site, "obama.jpg", "obama2.jpg")
    with running(sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)) as terminal:
        lights(terminal, 1)
        terminal.send_signal(signal.SIGKILL)
    punches = [p for p in read_payloads(site.journal, 0) if b'"smartclocker.punch.v1"' in p]
    assert len(punches) == 1
    assert person.encode() in punches[0]
