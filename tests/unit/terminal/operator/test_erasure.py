"""An erasure and its record: whatever comes between them, the next start carries it through."""

from pathlib import Path

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.domain.protocol.record import Origin, decode
from edge.domain.protocol.record_draft import erased
from edge.domain.vocabulary import ErasureReason
from edge.errors import JournalError, PeopleError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.operator import actions, hand_over
from edge.terminal.outbox.flush import flush
from edge.terminal.startup import completion
from edge.terminal.subject_access import report
from tests.support.clock import HandClock
from tests.support.people import CONSENT, POLICY


def left(person: str, people: People) -> None:
    """As the roster does with somebody who left it."""
    with people.together():
        count = people.erase(person, "2026-03-01T08:00:00Z", ErasureReason.REQUESTED)
        people.outbox.add([erased(person, ErasureReason.REQUESTED, count)])


def test_a_record_that_could_not_be_made_is_made_at_the_next_start(tmp_path: Path) -> None:
    person, clock = new_person_id(), HandClock()
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as journal,
    ):
        people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        journal._db.execute("PRAGMA query_only = ON")
        left(person, people)
        with pytest.raises(JournalError):
            flush(people, journal, clock)
        assert people.gallery("m", POLICY).size == 0
        journal._db.execute("PRAGMA query_only = OFF")
        assert flush(people, journal, clock, interrupted=True) == 1
        assert flush(people, journal, clock, interrupted=True) == 0
        rows = journal._db.execute("SELECT payload FROM records WHERE kind = 'erased'").fetchall()
    (record,) = [decode(row[0]) for row in rows]
    assert record.data["person"] == person
    assert record.data["reason"] == "requested"
    assert "by" not in record.data, "the roster ordered it"


def test_an_erasure_that_an_older_version_began_is_completed_and_recorded_once(tmp_path: Path) -> None:
    """It kept no pending record in the outbox; only the people table says that it began."""
    person, clock = new_person_id(), HandClock()
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as journal,
    ):
        people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        wrapped = people._db.execute("SELECT wrapped FROM people").fetchone()[0]
        report.keep(tmp_path / report.FOLDER, "c" * 32, person, b"sealed")
        people.erase(person, "2026-03-01T08:00:00Z", ErasureReason.REQUESTED)
        assert [flush(people, journal, clock, interrupted=True) for _ in range(2)] == [1, 0]
        rows = journal._db.execute("SELECT payload FROM records").fetchall()
        assert people.erasures() == []
        assert list((tmp_path / report.FOLDER).iterdir()) == []
        assert not any(wrapped in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    (record,) = [decode(row[0]) for row in rows]
    assert (record.kind, record.data["person"], record.data["reason"]) == ("erased", person, "requested")


@pytest.mark.parametrize("cut", ["while another reads the file", "before the record"])
def test_what_was_erased_by_hand_and_interrupted_says_once_who_did_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    person, clock = new_person_id(), HandClock()
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as journal,
    ):
        people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        at = {"people": people, "journal": journal, "clock": clock}
        with monkeypatch.context() as patched:
            if cut == "before the record":
                patched.setattr(
                    journal, "take_command", lambda *_: (_ for _ in ()).throw(JournalError("the power went"))
                )
            else:
                patched.setattr(people, "rewrite", lambda: (_ for _ in ()).throw(PeopleError("give it again")))
            with pytest.raises((PeopleError, JournalError)):
                actions.erase(person, ErasureReason.EMPLOYER, **at, by="4711")
        assert people.gallery("m", POLICY).size == 0
        if cut == "before the record":
            assert flush(people, journal, clock, interrupted=True) == 1
            assert flush(people, journal, clock, interrupted=True) == 0
        else:
            assert actions.erase(person, ErasureReason.EMPLOYER, **at, by="uid:7") == 3
        assert people.erasures() == []
        rows = journal._db.execute("SELECT payload FROM records").fetchall()
    (record,) = [decode(row[0]) for row in rows]
    told = {"person": person, "reason": "employer", "templates": 3, "by": "4711"}
    assert (record.kind, record.data) == ("erased", told)


@pytest.mark.parametrize("by", ["", "Ada", "ada", "uid:x", "uid:1\n"])
def test_nothing_is_done_by_a_name(tmp_path: Path, by: str) -> None:
    person, clock = new_person_id(), HandClock()
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as journal,
    ):
        people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        at = {"people": people, "journal": journal, "clock": clock, "by": by}
        for act in (
            lambda: actions.erase(person, ErasureReason.EMPLOYER, **at),
            lambda: actions.withdraw(person, POLICY, **at),
            lambda: actions.rectify(person, "Ann Other", **at),
            lambda: hand_over.access(person, tmp_path / "out", Origin("hq", "door-1"), **at),
            lambda: actions.delete_images(person, **at),
        ):
            with pytest.raises(PeopleError, match="never by a name"):
                act()
        assert people.list()[0].name == "Ann"
        assert (journal.head().seq, people.outbox.pending(), (tmp_path / "out").exists()) == (0, [], False)


def test_the_answer_that_waits_for_somebody_goes_with_them(tmp_path: Path) -> None:
    person, other, clock = new_person_id(), new_person_id(), HandClock()
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as journal,
    ):
        for one in (person, other):
            people.enrol(one, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
            report.keep(tmp_path / report.FOLDER, "c" * 32, one, b"sealed")
        left(person, people)
        flush(people, journal, clock)
        assert [path.name[:26] for path in (tmp_path / report.FOLDER).iterdir()] == [other]
        actions.erase(other, ErasureReason.REQUESTED, people=people, journal=journal, clock=clock, by="uid:7")
        assert list((tmp_path / report.FOLDER).iterdir()) == []


def test_the_write_ahead_file_of_an_interrupted_withdrawal_is_emptied(tmp_path: Path) -> None:
    person, clock, path = new_person_id(), HandClock(), tmp_path / "people.db"
    with (
        People(path, bytes(32)) as people,
        Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as journal,
    ):
        people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        wrapped = people._db.execute("SELECT wrapped FROM people").fetchone()[0]
        people.purge = lambda: None  # type: ignore[method-assign]  # the power went
        people.withdraw(person, clock.evidence().utc)
        del people.purge
        assert any(wrapped in file.read_bytes() for file in tmp_path.iterdir()), "the scan finds what is there"
        completion.complete(people, journal, clock)
        assert not any(wrapped in file.read_bytes() for file in tmp_path.iterdir())
