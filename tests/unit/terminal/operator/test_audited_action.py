"""What is handed out by hand and its record: whatever comes between them, nothing leaves untold."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.domain.face import Probe
from edge.domain.protocol.record import Origin, decode
from edge.domain.vocabulary import ErasureReason
from edge.errors import JournalError, PeopleError, TransferError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.operator import actions, audited_action, enrolment, hand_over
from edge.terminal.outbox.flush import flush
from edge.terminal.subject_access import report
from tests.support.clock import HandClock
from tests.support.people import CONSENT, POLICY

GATE = Origin("hq", "door-1")
IDENTITY = SigningKey(bytes([1]) * 32)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[dict[str, Any]]:
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Journal(tmp_path / "journal.db", GATE, IDENTITY) as journal,
    ):
        yield {"people": people, "journal": journal, "clock": HandClock(), "by": "4711"}


@pytest.fixture
def ann(at: dict[str, Any]) -> str:
    made = new_person_id()
    at["people"].enrol(made, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
    return made


def said(at: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = at["journal"]._db.execute("SELECT payload FROM records ORDER BY seq").fetchall()
    found = [decode(payload).data for (payload,) in rows]
    return [(data["command"], data["person"], data["by"]) for data in found]


def test_an_export_names_the_key_that_it_is_sealed_to(at: dict[str, Any], ann: str, tmp_path: Path) -> None:
    centre = SigningKey(bytes([2]) * 32).verify_key
    size = hand_over.export(ann, tmp_path / "ann.scp", centre, GATE, IDENTITY, **at)
    assert (tmp_path / "ann.scp").stat().st_size == size
    assert said(at) == [("export", ann, "4711")]
    (payload,) = at["journal"].about(ann, 10)
    assert hand_over.key_id(centre) in decode(payload).data["detail"]


def test_what_left_before_the_power_went_is_told_at_the_next_start(
    at: dict[str, Any], ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(*_: object, **_options: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(audited_action, "flush", cut)
        with pytest.raises(PowerCut):
            hand_over.access(ann, tmp_path / "hers", GATE, **at)
    assert (tmp_path / "hers" / "data.json").exists()
    assert said(at) == []
    assert flush(at["people"], at["journal"], HandClock(), interrupted=True) == 1
    assert said(at) == [("access", ann, "4711")]


def test_what_could_not_be_written_is_not_there_and_not_told(
    at: dict[str, Any], ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(report, "sync_directory", full)
        with pytest.raises(TransferError):
            hand_over.access(ann, tmp_path / "hers", GATE, **at)
    assert not (tmp_path / "hers").exists()
    assert flush(at["people"], at["journal"], HandClock()) == 0
    assert said(at) == []


def test_without_a_record_to_come_nothing_is_handed_out(at: dict[str, Any], ann: str, tmp_path: Path) -> None:
    at["people"]._db.execute("PRAGMA query_only = ON")
    with pytest.raises(PeopleError):
        hand_over.access(ann, tmp_path / "hers", GATE, **at)
    assert not (tmp_path / "hers").exists()


def test_a_record_that_could_not_be_made_is_owed(at: dict[str, Any], ann: str, tmp_path: Path) -> None:
    at["journal"]._db.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalError):
        hand_over.access(ann, tmp_path / "hers", GATE, **at)
    at["journal"]._db.execute("PRAGMA query_only = OFF")
    assert flush(at["people"], at["journal"], HandClock()) == 1
    assert said(at) == [("access", ann, "4711")]


def test_the_service_leaves_a_hand_over_alone_until_its_end(
    at: dict[str, Any], ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stick is full while the running service looks what is owed: nothing was handed out, nothing is told."""

    def full(_path: Path) -> None:
        with (
            People(tmp_path / "people.db", bytes(32)) as service,
            Journal(at["journal"].path, GATE, IDENTITY) as journal,
        ):
            assert flush(service, journal, HandClock(), interrupted=True) == 0
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(report, "sync_directory", full)
        with pytest.raises(TransferError):
            hand_over.access(ann, tmp_path / "hers", GATE, **at)
    assert flush(at["people"], at["journal"], HandClock(), interrupted=True) == 0
    assert said(at) == []


def test_an_erasure_that_is_given_twice_is_recorded_once(
    at: dict[str, Any], ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first was killed before its record, which the service then made."""
    with monkeypatch.context() as patched:
        patched.setattr(audited_action, "flush", lambda *_, **_options: None)
        actions.erase(ann, ErasureReason.REQUESTED, **at)
    assert flush(at["people"], at["journal"], HandClock(), interrupted=True) == 1
    assert actions.erase(ann, ErasureReason.REQUESTED, **at) == 0
    rows = at["journal"]._db.execute("SELECT payload FROM records").fetchall()
    assert [str(decode(payload).kind) for (payload,) in rows] == ["erased"]


def test_who_withdrew_before_is_erased_on_record(at: dict[str, Any], ann: str) -> None:
    actions.withdraw(ann, POLICY, **at)
    actions.erase(ann, ErasureReason.REQUESTED, **at)
    rows = at["journal"]._db.execute("SELECT payload FROM records ORDER BY seq").fetchall()
    assert [str(decode(payload).kind) for (payload,) in rows] == ["consent", "erased"]


@pytest.mark.parametrize(
    "owed",
    [
        '[["consent", {"person": "x", "state": "given"}]]',
        '[["erased", {}]]',
        '[["no-such-kind", {}]]',
        "[[1]]",
        "{",
        '[["command-result", {"command_id": "' + "0" * 32 + '", "detail": "' + "x" * 30_000 + '"}]]',
    ],
)
def test_what_no_record_can_be_made_of_keeps_nothing_else_up(at: dict[str, Any], ann: str, owed: str) -> None:
    people = at["people"]
    people._db.execute("INSERT INTO orders (id, sequence, owed) VALUES ('a', 0, ?)", (owed,))
    actions.rectify(ann, "Ann Right", **at)
    assert said(at) == [("rectify", ann, "4711")]
    assert people.outbox.aside() == ["a"]
    assert people.outbox.pending() == []


def test_an_enrolment_that_is_refused_leaves_no_consent_of_nobody(at: dict[str, Any]) -> None:
    probes = [Probe(row, "m", 1.0, 1.0) for row in np.eye(2, 192, dtype=np.float32)]
    for name, consent, by in (
        ("two\nlines", CONSENT, "4711"),
        ("", CONSENT, "4711"),
        ("Ann", CONSENT, "Ada"),
        ("Ann", replace(CONSENT, employer_agreed=False), "4711"),
        ("Ann", replace(CONSENT, witness=""), "4711"),
    ):
        with pytest.raises(PeopleError):
            enrolment.enrol(name, probes, consent, POLICY, **{**at, "by": by})
    with pytest.raises(PeopleError, match="templates"):
        enrolment.enrol("Ann", probes * 20, CONSENT, POLICY, **at)
    at["people"]._db.execute("PRAGMA query_only = ON")
    with pytest.raises(PeopleError):
        enrolment.enrol("Ann", probes, CONSENT, POLICY, **at)
    at["people"]._db.execute("PRAGMA query_only = OFF")
    assert (at["journal"].head().seq, at["people"].list(), at["people"].outbox.pending()) == (0, [], [])
    made = enrolment.enrol("Ann", probes, CONSENT, POLICY, **at)
    assert [str(decode(one).kind) for one in at["journal"].about(made.person, 10)] == ["consent", "enrolled"]
