"""What is handed out by hand and its record: whatever comes between them, nothing leaves untold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.domain.consent import Consent, Policy
from edge.domain.records import Origin, decode
from edge.domain.types import TimeEvidence
from edge.errors import JournalError, PeopleError, TransferError
from edge.journal.ring import Ring
from edge.roster.people import People
from edge.roster.person import new_person_id
from edge.terminal import answers, by_hand, on_record
from edge.terminal.orders import settle

POLICY = Policy("1", "a" * 64)
CONSENT = Consent("1", "a" * 64, "en", "2026-03-01T08:00:00Z", "Wanda Witness", True, True)
GATE = Origin("hq", "door-1")
IDENTITY = SigningKey(bytes([1]) * 32)


class Still:
    def monotonic_ns(self) -> int:
        return 0

    def evidence(self) -> TimeEvidence:
        return TimeEvidence("2026-03-01T08:00:00.000Z", 60, "Europe/Madrid", "0" * 32, 1234, True)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[dict[str, Any]]:
    with People(tmp_path / "people.db", bytes(32)) as people, Ring(tmp_path / "journal.db", GATE, IDENTITY) as ring:
        yield {"people": people, "ring": ring, "clock": Still(), "by": "4711"}


@pytest.fixture
def ann(at: dict[str, Any]) -> str:
    made = new_person_id()
    at["people"].enrol(made, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
    return made


def said(at: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = at["ring"]._db.execute("SELECT payload FROM records ORDER BY seq").fetchall()
    found = [decode(payload).data for (payload,) in rows]
    return [(data["command"], data["person"], data["by"]) for data in found]


def test_an_export_names_the_key_that_it_is_sealed_to(at: dict[str, Any], ann: str, tmp_path: Path) -> None:
    centre = SigningKey(bytes([2]) * 32).verify_key
    size = by_hand.export(ann, tmp_path / "ann.scp", centre, GATE, IDENTITY, **at)
    assert (tmp_path / "ann.scp").stat().st_size == size
    assert said(at) == [("export", ann, "4711")]
    (payload,) = at["ring"].about(ann, 10)
    assert by_hand.key_id(centre) in decode(payload).data["detail"]


def test_what_left_before_the_power_went_is_told_at_the_next_start(
    at: dict[str, Any], ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(on_record, "settle", cut)
        with pytest.raises(PowerCut):
            by_hand.access(ann, tmp_path / "hers", GATE, **at)
    assert (tmp_path / "hers" / "data.json").exists()
    assert said(at) == []
    assert settle(at["people"], at["ring"], Still(), interrupted=True) == 1
    assert said(at) == [("access", ann, "4711")]


def test_what_could_not_be_written_is_not_there_and_not_told(
    at: dict[str, Any], ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(answers, "sync_directory", full)
        with pytest.raises(TransferError):
            by_hand.access(ann, tmp_path / "hers", GATE, **at)
    assert not (tmp_path / "hers").exists()
    assert settle(at["people"], at["ring"], Still()) == 0
    assert said(at) == []


def test_without_a_record_to_come_nothing_is_handed_out(at: dict[str, Any], ann: str, tmp_path: Path) -> None:
    at["people"]._db.execute("PRAGMA query_only = ON")
    with pytest.raises(PeopleError):
        by_hand.access(ann, tmp_path / "hers", GATE, **at)
    assert not (tmp_path / "hers").exists()


def test_a_record_that_could_not_be_made_is_owed(at: dict[str, Any], ann: str, tmp_path: Path) -> None:
    at["ring"]._db.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalError):
        by_hand.access(ann, tmp_path / "hers", GATE, **at)
    at["ring"]._db.execute("PRAGMA query_only = OFF")
    assert settle(at["people"], at["ring"], Still()) == 1
    assert said(at) == [("access", ann, "4711")]
