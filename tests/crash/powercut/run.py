"""A whole run: record every variant, cut each recording, judge every state, add up."""

import functools
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.crash.powercut import cuts, daemon, record
from tests.crash.powercut.cuts import Cut
from tests.crash.powercut.disk import Image
from tests.crash.powercut.judge import Finding, Judge, build, make_fast
from tests.crash.powercut.promises import Promise, lights, promised_before, spoken
from tests.crash.powercut.record import Recording, python
from tests.crash.powercut.variants import VARIANTS, lay_out

DAEMON_EVERY, DEEP_EVERY = 400, 20
"""The daemon is started on one state in so many; SQLite's check and `journal verify` run on one in so many."""
_JOB = 200
_KEPT = 5
"""Failed states that are kept to be looked at."""


@dataclass(slots=True)
class Totals:
    """The line at the end."""

    states: int = 0
    signalled: int = 0
    """Promises held against a state, summed over all states."""
    lost: int = 0
    duplicated: int = 0
    unverifiable: int = 0
    """States that did not open, did not verify, took no record afterwards, or on which the daemon did not start."""
    quarantined: int = 0
    """States that a start took for damaged, though only the power was cut."""
    daemon_starts: int = 0

    def add(self, other: "Totals") -> None:
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def sound(self) -> bool:
        return not (self.lost or self.duplicated or self.unverifiable or self.quarantined)


@dataclass(frozen=True, slots=True)
class _Job:
    recording: Path
    cuts: Sequence[tuple[int, Cut]]
    """Numbered within the run, in the order of the recording."""
    scratch: Path
    kept: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do."""

    states: int
    sabotage: str
    variants: Sequence[str]
    punches: int = 10
    """Of the recorded daemon."""
    seed: int = 1
    processes: int = 2


def run(directory: Path, plan: Plan) -> Totals:
    """Record into `directory`, which is made anew, and judge the states. Raises RuntimeError."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    totals = Totals()
    with tempfile.TemporaryDirectory(dir=_memory(), prefix="powercut-") as scratch:
        jobs = list(_jobs(directory, plan, Path(scratch)))
        with multiprocessing.get_context("spawn").Pool(plan.processes, make_fast) as pool:
            for part in pool.imap_unordered(_judge, jobs):
                totals.add(part)
                _note(f"{totals.states} states, {totals.signalled} promises held")
    return totals


def _jobs(directory: Path, plan: Plan, scratch: Path) -> Iterator[_Job]:
    """Record each variant, and share the states out."""
    number, shares = 0, [VARIANTS[name].share for name in plan.variants]
    for place, name in enumerate(plan.variants):
        recording = _record(directory / name, name, plan)
        upto = plan.states * sum(shares[: place + 1]) // sum(shares)
        planned = list(enumerate(cuts.plan(recording.events, upto - number, plan.seed), number))
        _note(f"{name}: {len(recording.events)} events, {upto - number} states")
        for begin in range(0, len(planned), _JOB):
            yield _Job(directory / name, planned[begin : begin + _JOB], scratch, directory / "failed")
        number = upto


def replay(directory: Path, cut: Cut) -> Finding:
    """One state of a recording again, kept in `directory`/replayed with its terminal."""
    make_fast()
    place = directory / "replayed"
    shutil.rmtree(place, ignore_errors=True)
    recording = record.load(directory)
    judge, disk = _judge_of(recording, place), recording.disk()
    for event in recording.events[: cut.at]:
        event.apply(disk)
    finding = judge.judge(disk.cut(cut.choice()), cut.at, deeply=True)
    build(disk.cut(cut.choice()), judge.state)
    return finding


def _record(directory: Path, name: str, plan: Plan) -> Recording:
    variant = VARIANTS[name]
    if not variant.plan:
        return daemon.record_daemon(directory, name, variant, plan.punches)
    config = lay_out(directory, variant)
    work = python("-m", "tests.crash.powercut.workload", config, directory / "ledger", variant.plan, plan.sabotage)
    return record.record(directory, name, work)


def _judge(job: _Job) -> Totals:
    recording, judge = _opened(job.recording, job.scratch)
    totals, disk, at = Totals(), recording.disk(), 0
    for number, cut in job.cuts:
        for event in recording.events[at : cut.at]:
            event.apply(disk)
        at = cut.at
        image = disk.cut(cut.choice())
        finding = judge.judge(image, at, deeply=number % DEEP_EVERY == 0)
        if number % DAEMON_EVERY == DAEMON_EVERY // 2:
            build(image, judge.state)
            totals.daemon_starts += 1
            problem = daemon.starts(judge.state.parent / "config.toml")
            if problem is not None:
                finding.unverifiable = 1
                finding.notes.append(problem)
        totals.add(_counted(finding))
        if not finding.sound:
            _keep(job, cut, image, finding)
    return totals


def _counted(finding: Finding) -> Totals:
    return Totals(1, finding.signalled, finding.lost, finding.duplicated, finding.unverifiable, finding.quarantined)


@functools.lru_cache(maxsize=1)
def _opened(directory: Path, scratch: Path) -> tuple[Recording, Judge]:
    recording = record.load(directory)
    return recording, _judge_of(recording, scratch / f"{recording.variant}-{os.getpid()}")


def _judge_of(recording: Recording, place: Path) -> Judge:
    variant = VARIANTS[recording.variant]
    shutil.rmtree(place, ignore_errors=True)
    promises: list[Promise] = [] if variant.set_aside else list(promised_before(recording.base / "journal.db"))
    if variant.plan:
        promises += spoken(recording.events)
    else:
        promises += lights(recording.events, recording.terminal / "state" / "journal.db", len(promises))
    return Judge(recording, place, promises, set_aside=variant.set_aside)


def _keep(job: _Job, cut: Cut, image: Image, finding: Finding) -> None:
    """Lay a failed state down and say how to see it again; the first few."""
    job.kept.mkdir(exist_ok=True)
    if sum(1 for _ in job.kept.iterdir()) >= _KEPT:
        return
    place = job.kept / f"{job.recording.name}-{cut}".replace(":", "-")
    build(image, place)
    again = f"python -m tests.crash.powercut --replay {job.recording} --cut {cut}"
    print(f"FAILED {finding}\n  its files: {place}\n  again: {again}", file=sys.stderr)


def _memory() -> str | None:
    """Where states are built: memory, if there is a file system of it."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _note(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)
