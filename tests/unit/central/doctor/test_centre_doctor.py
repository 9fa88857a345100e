"""`smartclocker central doctor` looks at every part of the centre, whatever is wrong with the others."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.central.backup import last_backup
from edge.central.broker.mosquitto import EmbeddedBroker
from edge.central.doctor import examination, judge
from edge.central.doctor.examination import READINGS, CentreSources, findings
from edge.central.ledger.pulse import Pulse
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto.key_files import create_identity
from edge.domain.doctor import DoctorFinding, DoctorVerdict
from edge.domain.protocol.record import Origin
from edge.domain.time.instant import utc_text

OK, WARN, FAIL, NOT_HERE = DoctorVerdict
Look = Callable[..., dict[str, DoctorFinding]]


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    base = tmp_path / "centre"
    assert main(["central", "init", str(base), "--host", "localhost", "--site", "main"]) == 0
    return base


@pytest.fixture
def look(centre: Path, tmp_path: Path) -> Look:
    def at(**changes: object) -> dict[str, DoctorFinding]:
        given = {"directory": centre, "installed": tmp_path / "broker"} | changes
        found = {one.item: one for one in findings(CentreSources(**given))}
        assert list(found) == list(READINGS)
        assert all(one.mend for one in found.values() if one.verdict in {WARN, FAIL}), found
        return found

    return at


def test_a_centre_that_was_just_made(look) -> None:
    found = look()
    assert (found["files"].verdict, found["certificates"].verdict) == (OK, OK)
    assert found["certificates"].measured["ca_days_left"] > 300
    assert "there is no" in found["ledger"].said
    assert found["backup"].verdict is WARN, "none was made yet"


def test_a_key_that_others_may_read_and_one_of_somebody_else(look, centre: Path) -> None:
    (centre / "ledger.key").chmod(0o644)
    found = look()["files"]
    assert (found.verdict, found.measured["open"]) == (FAIL, 1)
    assert found.said.endswith("ledger.key")
    (centre / "ledger.key").chmod(0o600)
    if os.geteuid() == 0:
        os.chown(centre / "roster.key", 65534, 65534)
        assert look()["files"].measured["foreign"] == 1


def test_the_ledger_that_runs_and_the_one_that_stopped(look, centre: Path) -> None:
    with Store(centre / "ledger.db") as store:
        assert look()["ledger"].verdict is NOT_HERE, "a database, and no ledger ever ran"
        Pulse(store, None).beat(0, connected=True)
    assert look()["ledger"].verdict is OK
    later = look(now=lambda: datetime.now(UTC) + timedelta(hours=1))["ledger"]
    assert later.verdict is FAIL
    assert "smartclocker-ledger" in later.mend


def test_certificates_that_end_soon_and_that_ended(look) -> None:
    soon = look(now=lambda: datetime.now(UTC) + timedelta(days=810))["certificates"]
    assert soon.verdict is WARN, soon
    assert "ends on" in soon.said
    gone = look(now=lambda: datetime.now(UTC) + timedelta(days=830))["certificates"]
    assert gone.verdict is FAIL


def test_the_terminals_problems_are_counted_by_kind(look, centre: Path, tmp_path: Path) -> None:
    with Store(centre / "ledger.db") as store:
        store.register(Origin("main", "gate-1"), create_identity(tmp_path / "gate-1").verify_key)
    assert look()["terminals"].measured["registered"] == 1
    later = look(now=lambda: datetime.now(UTC) + timedelta(days=3))["terminals"]
    assert later.verdict is WARN
    assert "1 silent" in later.said


def test_a_damaged_database_hides_nothing_else(look, centre: Path) -> None:
    (centre / "ledger.db").write_bytes(b"no database" * 100)
    (centre / "ledger.db").chmod(0o600)
    found = look()
    assert (found["ledger"].verdict, found["terminals"].verdict) == (FAIL, FAIL)
    assert (found["files"].verdict, found["disk"].verdict is FAIL) == (OK, False)


def test_a_directory_that_is_none(look, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (tmp_path / "none", tmp_path / "file", tmp_path):
        found = look(directory=directory)
        assert {one.verdict for name, one in found.items() if name in {"certificates", "ledger"}} == {WARN}


def test_the_broker_answers_a_handshake_and_one_that_is_not_there_is_named(
    look, tmp_path: Path, monkeypatch
) -> None:
    assert look()["broker"].verdict is FAIL
    with EmbeddedBroker(tmp_path / "made") as broker:
        address = (broker.host, broker.port)
        monkeypatch.setattr(examination.broker_address, "reached", lambda _: address)
        strange = look()["broker"]
        assert "not accepted" in strange.said or "verify failed" in strange.said, "another centre's broker"
        (tmp_path / "own").mkdir()
        (tmp_path / "own/pki").symlink_to(broker.pki)
        from edge.central.broker import certificates

        certificates.issue_client(broker.pki, "ledger")
        answered = look(directory=tmp_path / "own")["broker"]
        assert answered.verdict is OK, answered
        assert answered.measured["handshake_ms"] >= 0


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (timedelta(hours=3), OK),
        (timedelta(days=3), WARN),
        (timedelta(days=7), FAIL),
        (timedelta(hours=-2), OK),
        (timedelta(days=-4), WARN),
    ],
)
def test_the_newest_backup_by_its_age(look, centre: Path, age: timedelta, verdict: DoctorVerdict) -> None:
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    last_backup.note(centre, utc_text(now - age))
    found = look(now=lambda: now)["backup"]
    assert (found.verdict, found.measured["age_h"]) == (verdict, age // timedelta(hours=1))


def test_a_note_of_a_backup_that_cannot_be_read(look, centre: Path) -> None:
    (centre / last_backup.NAME).write_text("odd")
    assert look()["backup"].verdict is FAIL


@pytest.mark.parametrize(("free", "verdict"), [(2_000, OK), (1_999, WARN), (199, FAIL)])
def test_the_disk(free: int, verdict: DoctorVerdict) -> None:
    assert judge.disk(free, read_only=False).verdict is verdict
    assert judge.disk(free, read_only=True).verdict is FAIL


def test_an_item_that_breaks_says_so(look, monkeypatch) -> None:
    def breaks(_sources: CentreSources) -> DoctorFinding:
        raise ZeroDivisionError("secret")

    monkeypatch.setitem(READINGS, "ledger", breaks)
    found = look()["ledger"]
    assert (found.verdict, "secret" in found.said) == (WARN, False)


def test_the_verb_prints_lines_or_one_object(centre: Path, capsys) -> None:
    capsys.readouterr()
    code = main(["central", "doctor", str(centre), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert [one["item"] for one in said["items"]] == list(READINGS)
    assert (code, said["verdict"]) == (1, "fail")
    assert main(["central", "doctor", str(centre)]) == 1
    assert "7 items: " in capsys.readouterr().out
