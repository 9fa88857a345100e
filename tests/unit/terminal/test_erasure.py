"""An erasure and its record: whatever comes between them, the next start carries it through."""

from pathlib import Path

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.domain.consent import Consent, Policy
from edge.domain.kinds import ErasureReason
from edge.domain.records import Origin, decode
from edge.domain.types import TimeEvidence
from edge.errors import JournalError
from edge.journal.ring import Ring
from edge.roster.people import People
from edge.roster.person import new_person_id
from edge.terminal.enrolment import erase, finish_erasures

POLICY = Policy("1", "a" * 64)
CONSENT = Consent("1", "a" * 64, "en", "2026-03-01T08:00:00Z", "Wanda Witness", True, True)


class Still:
    def monotonic_ns(self) -> int:
        return 0

    def evidence(self) -> TimeEvidence:
        return TimeEvidence("2026-03-01T08:00:00.000Z", 60, "Europe/Madrid", "0" * 32, 1234, True)


def test_a_record_that_could_not_be_made_is_made_at_the_next_start(tmp_path: Path) -> None:
    person, clock = new_person_id(), Still()
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Ring(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as ring,
    ):
        people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        ring._db.execute("PRAGMA query_only = ON")
        with pytest.raises(JournalError):
            erase(person, ErasureReason.REQUESTED, people=people, ring=ring, clock=clock)
        assert people.gallery("m", POLICY).size == 0
        ring._db.execute("PRAGMA query_only = OFF")
        assert finish_erasures(people=people, ring=ring, clock=clock) == 1
        assert finish_erasures(people=people, ring=ring, clock=clock) == 0
        rows = ring._db.execute("SELECT payload FROM records WHERE kind = 'erased'").fetchall()
    (record,) = [decode(row[0]) for row in rows]
    assert record.data["person"] == person
    assert record.data["reason"] == "requested"


def test_what_an_interrupted_withdrawal_left_in_the_write_ahead_file_goes_at_the_next_start(tmp_path: Path) -> None:
    person, clock, path = new_person_id(), Still(), tmp_path / "people.db"
    with (
        People(path, bytes(32)) as people,
        Ring(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as ring,
    ):
        people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        wrapped = people._db.execute("SELECT wrapped FROM people").fetchone()[0]
        people.purge = lambda: None  # type: ignore[method-assign]  # the power went
        people.withdraw(person, clock.evidence().utc)
        del people.purge
        assert any(wrapped in file.read_bytes() for file in tmp_path.iterdir()), "the scan finds what is there"
        finish_erasures(people=people, ring=ring, clock=clock)
        assert not any(wrapped in file.read_bytes() for file in tmp_path.iterdir())
