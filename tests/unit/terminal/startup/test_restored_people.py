"""A people file that was put back alone from an older copy, at the start of the terminal after it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.vocabulary import ErasureReason
from edge.errors import PeopleError, TransferError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.operator import actions, enrolment
from edge.terminal.outbox.flush import flush
from edge.terminal.startup import completion, restored_people
from tests.support.clock import NOW, HandClock, evidence
from tests.support.people import CONSENT, POLICY

UNSET = evidence(utc="1970-01-01T00:00:09.000Z", boottime_ms=9, synchronised=False)
"""No time server has set the clock yet: it says 1970."""

LATER = replace(CONSENT, given_at="2026-03-03T08:00:00Z")


@dataclass
class Terminal:
    """Its people and its journal, and a copy of the people as they were."""

    folder: Path
    people: People
    journal: Journal
    clock: HandClock
    ann: str
    bob: str

    def put_back(self) -> None:
        self.people.close()
        shutil.copy(self.folder / "then.db", self.folder / "people.db")
        self.people = People(self.folder / "people.db", bytes(32))

    def copy(self) -> None:
        self.people.purge()
        shutil.copy(self.folder / "people.db", self.folder / "then.db")

    def start(self) -> int:
        done = restored_people.carry_out(self.people, self.journal, self.clock)
        flush(self.people, self.journal, self.clock, interrupted=True)
        return done

    @property
    def at(self) -> dict[str, object]:
        return {"people": self.people, "journal": self.journal, "clock": self.clock, "by": "uid:7"}

    def matched(self) -> set[str]:
        return set(self.people.gallery("m", POLICY).people)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    people = People(tmp_path / "people.db", bytes(32))
    with Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as journal:
        ann, bob = new_person_id(), new_person_id()
        made = Terminal(tmp_path, people, journal, HandClock(), ann, bob)
        for person in (ann, bob):
            people.enrol(person, "Somebody", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        made.copy()
        yield made
        made.people.close()


ENDS: dict[str, Callable[[Terminal], object]] = {
    "erased": lambda one: actions.erase(one.ann, ErasureReason.REQUESTED, **one.at),
    "withdrew": lambda one: actions.withdraw(one.ann, POLICY, **one.at),
    "objected": lambda one: actions.restrict(one.ann, Restriction.OBJECTED, **one.at),
    "restricted": lambda one: actions.restrict(one.ann, Restriction.RESTRICTED, **one.at),
}


@pytest.mark.parametrize("end", ENDS)
def test_whom_the_journal_calls_gone_is_not_matched_again(terminal: Terminal, end: str) -> None:
    ENDS[end](terminal)
    said = terminal.journal.head().seq
    assert terminal.start() == 0, "nothing was put back"
    terminal.put_back()
    assert terminal.matched() == {terminal.ann, terminal.bob}
    assert terminal.start() == 1
    assert terminal.matched() == {terminal.bob}
    assert terminal.journal.head().seq == said, "the journal says so already"
    assert terminal.start() == 0


def test_no_byte_of_the_erased_stays_in_the_file_that_was_put_back(terminal: Terminal) -> None:
    query = "SELECT wrapped FROM people WHERE id = ?"
    wrapped = terminal.people._db.execute(query, (terminal.ann,)).fetchone()[0]
    ENDS["erased"](terminal)
    terminal.put_back()
    terminal.start()
    (terminal.folder / "then.db").unlink()
    assert not any(wrapped in file.read_bytes() for file in terminal.folder.iterdir())


def test_the_last_word_counts_and_not_one_before_it(terminal: Terminal) -> None:
    ENDS["withdrew"](terminal)
    with terminal.people.together():
        terminal.people.enrol(terminal.ann, "Ann", LATER, POLICY, np.eye(3, 192, dtype=np.float32), "m")
    ENDS["objected"](terminal)
    actions.unrestrict(terminal.ann, actions.Lifts.OBJECTION, **terminal.at)
    assert terminal.start() == 0, "who agreed after they withdrew, elsewhere, is not turned out"
    terminal.clock.set(utc="2026-03-03T08:00:00.000Z")
    terminal.copy()
    enrolment.agree(terminal.ann, replace(LATER, given_at="2026-03-02T07:00:00Z"), POLICY, **terminal.at)
    terminal.put_back()
    assert terminal.start() == 0
    assert terminal.matched() == {terminal.ann, terminal.bob}
    terminal.clock.set(utc="2026-03-04T08:00:00.000Z")
    ENDS["withdrew"](terminal)
    terminal.put_back()
    assert terminal.start() == 1
    assert terminal.matched() == {terminal.bob}


def test_a_bar_from_before_an_erasure_does_not_come_with_a_new_consent(terminal: Terminal) -> None:
    ENDS["objected"](terminal)
    ENDS["erased"](terminal)
    terminal.people.enrol(terminal.ann, "Ann", LATER, POLICY, np.eye(3, 192, dtype=np.float32), "m")
    terminal.people._db.execute("UPDATE people SET erased = 0")  # as the roster brings them back
    assert terminal.start() == 0
    assert terminal.people.restriction(terminal.ann) is None


def test_a_damaged_row_keeps_nobody_elses_end_from_them(terminal: Terminal) -> None:
    for person in (terminal.ann, terminal.bob):
        actions.erase(person, ErasureReason.REQUESTED, **terminal.at)
    terminal.put_back()
    query = "SELECT seq FROM records WHERE kind = 'erased' AND person = ?"
    seq = terminal.journal._db.execute(query, (terminal.bob,)).fetchone()[0]
    terminal.journal._db.execute("UPDATE records SET payload = ? WHERE seq = ?", (b"{", seq))
    assert terminal.start() == 1
    assert terminal.matched() == {terminal.bob}


def test_what_a_start_asks_the_journal_is_in_an_index(terminal: Terminal) -> None:
    asked: list[str] = []
    terminal.journal._db.set_trace_callback(asked.append)
    terminal.journal.words()
    terminal.journal.words(terminal.ann)
    terminal.journal._db.set_trace_callback(None)
    assert len(asked) == 2
    for query in asked:
        plan = terminal.journal._db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
        assert all("COVERING INDEX word_by_person" in row[3] for row in plan), plan


@pytest.mark.parametrize("how", ENDS)
def test_an_end_that_was_made_while_the_clock_was_unset_counts_all_the_same(terminal: Terminal, how: str) -> None:
    terminal.clock.found = UNSET
    ENDS[how](terminal)
    terminal.put_back()
    assert terminal.start() == 1
    assert terminal.matched() == {terminal.bob}


def test_a_consent_of_after_the_clock_was_set_again_counts(terminal: Terminal) -> None:
    terminal.clock.found = UNSET
    ENDS["withdrew"](terminal)
    terminal.clock.found = NOW
    actions.restrict(terminal.bob, Restriction.RESTRICTED, **terminal.at)
    faces = np.eye(3, 192, dtype=np.float32)
    terminal.people.enrol(terminal.ann, "Somebody", LATER, POLICY, faces, "m")  # as the roster brings it
    assert terminal.start() == 0
    assert terminal.matched() == {terminal.ann}


def test_an_objection_is_more_than_the_bar_that_the_copy_has(terminal: Terminal) -> None:
    ENDS["restricted"](terminal)
    terminal.copy()
    ENDS["objected"](terminal)
    terminal.put_back()
    assert terminal.start() == 1
    assert terminal.people.restriction(terminal.ann) == Restriction.OBJECTED


def test_who_objected_and_withdrew_is_both_after_one_start(terminal: Terminal) -> None:
    ENDS["objected"](terminal)
    ENDS["withdrew"](terminal)
    terminal.put_back()
    assert terminal.start() == 1
    assert terminal.people.restriction(terminal.ann) == Restriction.OBJECTED
    assert terminal.start() == 0


def test_a_record_that_cannot_be_paid_keeps_no_other_end_from_being_carried_out(terminal: Terminal, caplog) -> None:
    ENDS["erased"](terminal)
    terminal.put_back()
    evidence = terminal.folder / "evidence.db"
    evidence.mkdir()
    with pytest.raises(TransferError):
        actions.erase(terminal.bob, ErasureReason.REQUESTED, **terminal.at)
    completion.complete(terminal.people, terminal.journal, terminal.clock)
    assert terminal.matched() == set()
    assert "is tried again at the next start" in caplog.text
    evidence.rmdir()
    completion.complete(terminal.people, terminal.journal, terminal.clock)
    assert (terminal.people.erasures(), terminal.people.outbox.pending()) == ([], [])


def test_a_debt_that_cannot_be_paid_holds_up_no_other(terminal: Terminal) -> None:
    evidence, carl = terminal.folder / "evidence.db", new_person_id()
    terminal.people.add(carl, "Carl")
    evidence.mkdir()
    with pytest.raises(TransferError):
        actions.erase(terminal.ann, ErasureReason.REQUESTED, **terminal.at)
    with pytest.raises(TransferError):
        actions.restrict(carl, Restriction.RESTRICTED, **terminal.at)
    assert [kind for person, kind, _ in terminal.journal.words() if person == carl] == ["restricted"]


def test_a_folder_among_the_answers_holds_up_no_erasure(terminal: Terminal) -> None:
    (terminal.folder / "access" / f"{terminal.ann}-found" / "deep").mkdir(parents=True)
    ENDS["erased"](terminal)
    assert list((terminal.folder / "access").iterdir()) == []


AHEAD = replace(CONSENT, given_at="2026-03-08T07:50:00.000Z")


def agrees_by_a_clock_that_runs_ahead(terminal: Terminal) -> None:
    terminal.clock.set(utc="2026-03-08T08:00:00.000Z")
    enrolment.agree(terminal.ann, AHEAD, POLICY, **terminal.at)
    terminal.copy()
    terminal.clock.set(utc="2026-03-02T08:00:00.000Z")


@pytest.mark.parametrize("how", ["erased", "withdrew"])
def test_an_end_counts_after_a_consent_that_was_given_while_the_clock_ran_ahead(
    terminal: Terminal, how: str
) -> None:
    agrees_by_a_clock_that_runs_ahead(terminal)
    ENDS[how](terminal)
    terminal.put_back()
    assert terminal.start() == 1
    assert terminal.matched() == {terminal.bob}
    assert terminal.start() == 0


def test_a_consent_elsewhere_counts_after_an_end_here_whatever_the_clock_said_before(terminal: Terminal) -> None:
    agrees_by_a_clock_that_runs_ahead(terminal)
    ENDS["withdrew"](terminal)
    faces = np.eye(3, 192, dtype=np.float32)
    terminal.people.enrol(terminal.ann, "Somebody", LATER, POLICY, faces, "m")  # as the roster brings it
    assert terminal.start() == 0
    assert terminal.matched() == {terminal.ann, terminal.bob}


def test_a_withdrawal_that_could_not_be_repeated_is_repeated_by_the_next_start(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start notes what the older copy lacks: that must not pass for an act of the copy."""
    terminal.copy()
    actions.withdraw(terminal.ann, POLICY, **terminal.at)
    terminal.put_back()

    def full(*_: object) -> bool:
        raise PeopleError("people.db: the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(terminal.people, "withdraw", full)
        completion.complete(terminal.people, terminal.journal, terminal.clock)
    assert terminal.ann in terminal.matched()
    completion.complete(terminal.people, terminal.journal, terminal.clock)
    assert terminal.ann not in terminal.matched()
