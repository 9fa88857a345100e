"""Erasures and withdrawals cut off at any write: nothing happened, or the next start completes it and says so.

    python -m tests.crash.powercut.people --states 1000

One JSON line at the end, and exit 0 only when every state was sound.
"""

import argparse
import json
import logging
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edge.config import load
from edge.domain.people.credentials import Token
from edge.domain.protocol.record import decode
from edge.journal.verify import read_payloads, verify_file
from edge.people.people_store import People
from edge.terminal import adapters, installed
from edge.terminal.outbox.flush import flush
from tests.crash.powercut import cuts, leaving, record
from tests.crash.powercut.cuts import Cut
from tests.crash.powercut.disk import Image
from tests.crash.powercut.judge import build
from tests.crash.powercut.record import Recording, python
from tests.crash.powercut.trace import Said
from tests.crash.powercut.variants import Variant, lay_out

SABOTAGE = ("none", "no-finish")
"""`no-finish`: the start does not finish what was interrupted; that must be found."""


@dataclass(slots=True)
class Totals:
    """The line at the end."""

    states: int = 0
    begun: int = 0
    """Acts that had begun and were not done when the power went, summed over all states."""
    undone: int = 0
    """Of them, those that then had not happened."""
    completed: int = 0
    """And those that the next start completed."""
    unsound: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Made:
    """A recording, and what is searched for."""

    recording: Recording
    faces: dict[str, list[bytes]]
    badges: dict[str, list[bytes]]


def make(directory: Path) -> Made:
    """Enrol eight people, and record them leaving. Raises RuntimeError."""
    config = lay_out(directory, Variant("people", 1))
    loaded = load(config).config
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        for number in range(8):
            leaving.enrol(people, loaded, number)
        faces, badges = (leaving.traces(people, badges=which) for which in (False, True))
    installed.secure_journal(loaded, installed.load_secrets(loaded), adapters.clock())
    return Made(
        record.record(directory, "people", python("-m", "tests.crash.powercut.leaving", config)), faces, badges
    )


class Judge:
    """Of the states of one recording, in a terminal's directory of its own."""

    def __init__(self, made: Made, place: Path, *, sabotage: str = "none") -> None:
        shutil.copytree(made.recording.terminal, place, ignore=shutil.ignore_patterns("state"))
        self._config = load(place / "config.toml").config
        self._secrets, self._made, self._sabotage = installed.load_secrets(self._config), made, sabotage
        self._state = Path(self._config.storage.state)

    def judge(self, image: Image, at: int, totals: Totals) -> list[str]:
        """Start on the state of a cut at `at`; everything that is wrong with it then."""
        build(image, self._state)
        said = [event.text for event in self._made.recording.events[:at] if isinstance(event, Said)]
        problems: list[str] = []
        try:
            self._start()
            with installed.open_people(self._config, self._secrets) as people:
                problems += self._acts(people, said, totals)
                problems += [f"{person} is still owed" for person, _ in people.erasures()]
        except Exception as error:  # noqa: BLE001  whatever a start stumbles over, it does not start
            problems.append(f"{type(error).__name__}: {error}")
        return problems

    def _start(self) -> None:
        """As the daemon does."""
        clock = adapters.clock()
        installed.secure_journal(self._config, self._secrets, clock)
        with (
            installed.open_journal(self._config, self._secrets) as journal,
            installed.open_people(self._config, self._secrets) as people,
        ):
            if self._sabotage == "none":
                flush(people, journal, clock, interrupted=True)
                people.purge()
        identity = self._secrets.identity.verify_key
        keys = {installed.key_id(identity): identity}
        problem = verify_file(installed.journal_path(self._config), keys).problem
        if problem is not None:
            raise RuntimeError(f"journal verify: record {problem.seq}: {problem.what}")

    def _acts(self, people: People, said: Sequence[str], totals: Totals) -> Iterator[str]:
        matched = set(people.gallery(leaving.MODEL, installed.policy(self._config)).people)
        records = Counter(
            (one.kind, one.data.get("person"), one.data.get("state"))
            for one in map(decode, read_payloads(installed.journal_path(self._config), 0))
        )
        files = b"".join(path.read_bytes() for path in self._state.iterdir() if path.name.startswith("people.db"))
        for number in range(9):
            person = leaving.person(number)
            acts = [act for act, who in leaving.ACTS if who == number]
            begun = [act for act in acts if f"BEGIN {act} {person}" in said]
            done = [act for act in begun if f"DONE {act} {person}" in said]
            open_act = begun[len(done) :]
            erasures = records["erased", person, None]
            left = any(trace in files for trace in self._made.faces.get(person, []))
            if erasures:  # a withdrawal leaves the badge
                left = left or any(trace in files for trace in self._made.badges.get(person, []))
            happened = erasures > 0 if open_act == ["erase"] else person not in matched
            totals.begun += bool(open_act)
            totals.undone += bool(open_act) and not happened
            totals.completed += bool(open_act) and happened
            yield from self._person(people, person, done, open_act, erasures, left=left, matched=person in matched)
            withdrawn = records["consent", person, "withdrawn"]
            if "withdraw" in done and not withdrawn:
                yield f"{person}: withdrew, and no record says so"

    def _person(
        self, people: People, person: str, done: list[str], open_act: list[str], erasures: int, *,
        left: bool, matched: bool,
    ) -> Iterator[str]:  # fmt: skip
        erased = "erase" in done or (open_act == ["erase"] and erasures > 0)
        gone = erased or "withdraw" in done
        if erased and erasures != 1:
            yield f"{person}: erased, and {erasures} records say so"
        if not erased and erasures:
            yield f"{person}: a record says erased before anybody asked"
        if gone and matched:
            yield f"{person}: is matched, and was gone"
        if gone and left:
            yield f"{person}: was gone, and something sealed of them is in the files"
        if not gone and not open_act and not matched and (done or person in self._made.faces):
            yield f"{person}: is not matched, and nobody asked for that"
        badge = people.credentials.whose(Token.BADGE, f"900{ord(person[0]) - ord('a')}")
        if (erased and badge is not None) or (not erased and not open_act and matched and badge != person):
            yield f"{person}: their badge is {badge}'s"


def run(directory: Path, states: int, seed: int, sabotage: str) -> Totals:
    """Record into `directory`, made anew, and judge so many states. Raises RuntimeError."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    logging.disable()
    made = make(directory / "people")
    totals = Totals()
    with tempfile.TemporaryDirectory(prefix="powercut-people-") as scratch:
        judge = Judge(made, Path(scratch, "terminal"), sabotage=sabotage)
        disk, at = made.recording.disk(), 0
        for cut in cuts.plan(made.recording.events, states, seed):
            for event in made.recording.events[at : cut.at]:
                event.apply(disk)
            at = cut.at
            problems = judge.judge(disk.cut(cut.choice()), at, totals)
            totals.states += 1
            totals.unsound += bool(problems)
            totals.notes += [f"{cut}: {problem}" for problem in problems][: max(0, 10 - len(totals.notes))]
    return totals


def main(words: list[str] | None = None) -> int:
    """Parse, run, print; the exit code."""
    parser = argparse.ArgumentParser(prog="powercut.people", description="Cut off people's leaving at any write.")
    parser.add_argument("--states", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", choices=SABOTAGE, default="none")
    parser.add_argument("--directory", type=Path, default=Path("build/powercut-people"), help="made anew")
    arguments = parser.parse_args(words)
    totals = run(arguments.directory.absolute(), arguments.states, arguments.seed, arguments.sabotage)
    print(json.dumps(asdict(totals)))
    return 1 if totals.unsound else 0


__all__ = ["Cut", "Judge", "main", "make", "run"]

if __name__ == "__main__":
    sys.exit(main())
