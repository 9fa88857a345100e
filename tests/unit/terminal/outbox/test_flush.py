"""The way of pending records into the journal: in the order of the acts, whatever fails or is altered between."""

import itertools
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.domain.face import Probe
from edge.domain.people.credentials import Token
from edge.domain.protocol.order import Lifts
from edge.domain.protocol.record import Origin, decode
from edge.domain.protocol.record_draft import erased, restricted
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.vocabulary import ErasureReason
from edge.errors import JournalError, TransferError
from edge.evidence_images import schema as images
from edge.evidence_images.store import opened
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.terminal.operator import actions, enrolment
from edge.terminal.orders.order_handler import LOOK_NS, OrderHandler
from edge.terminal.outbox import operator_lock
from edge.terminal.outbox.flush import flush
from edge.terminal.startup.completion import complete
from edge.terminal.subject_access import report
from tests.support.clock import HandClock
from tests.support.people import ANN, BOB, CONSENT, POLICY
from tests.support.signed_orders import AUTHORITY

PROBE = Probe(np.eye(1, 192, dtype=np.float32)[0], "m", 0.9, 0.9)
AGAIN = replace(CONSENT, given_at="2026-03-02T07:00:00Z")
"""A consent that is given after the withdrawal."""


@pytest.fixture
def at(tmp_path: Path) -> Iterator[dict[str, Any]]:
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes([1]) * 32)) as journal,
    ):
        for person, badge in ((ANN, "0004711"), (BOB, "0004712")):
            people.enrol(person, "Ann", CONSENT, POLICY, PROBE.embedding[None], "m")
            people.credentials.give(person, Token.BADGE, badge)
        yield {"people": people, "journal": journal, "clock": HandClock(), "by": "4711"}


@pytest.fixture
def falling_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids of later acts sort before those of earlier ones."""
    numbers = itertools.count(10_000, -1)
    monkeypatch.setattr(secrets, "token_hex", lambda size: f"{next(numbers):0{2 * size}x}")


def told(at: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    rows = at["journal"]._db.execute("SELECT payload FROM records ORDER BY seq").fetchall()
    found = [decode(payload) for (payload,) in rows]
    return [(record.data["person"], str(record.kind), record.data.get("state")) for record in found]


def tried(act: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        act()


def withdraw(at: dict[str, Any], person: str = ANN) -> None:
    actions.withdraw(person, POLICY, **at)


def enrol_again(at: dict[str, Any]) -> None:
    enrolment.enrol("Ann", [PROBE], AGAIN, POLICY, person=ANN, **at)


WITHDRAWN_AND_ENROLLED = [(ANN, "consent", "withdrawn"), (ANN, "consent", "given"), (ANN, "enrolled", None)]


@pytest.mark.usefixtures("falling_ids")
def test_who_withdrew_and_came_back_while_the_journal_took_nothing_stays_enrolled(at: dict[str, Any]) -> None:
    at["journal"]._db.execute("PRAGMA query_only = ON")
    tried(lambda: withdraw(at), JournalError)
    tried(lambda: enrol_again(at), JournalError)
    at["journal"]._db.execute("PRAGMA query_only = OFF")
    complete(at["people"], at["journal"], at["clock"])  # a start
    assert told(at) == WITHDRAWN_AND_ENROLLED
    assert ANN in at["people"].gallery("m", POLICY).people


@pytest.mark.usefixtures("falling_ids")
def test_a_bar_its_end_and_another_bar_are_told_in_this_order(at: dict[str, Any]) -> None:
    at["journal"]._db.execute("PRAGMA query_only = ON")
    tried(lambda: actions.restrict(ANN, Restriction.RESTRICTED, **at), JournalError)
    tried(lambda: actions.unrestrict(ANN, Lifts.RESTRICTION, **at), JournalError)
    tried(lambda: actions.restrict(ANN, Restriction.OBJECTED, **at), JournalError)
    at["journal"]._db.execute("PRAGMA query_only = OFF")
    assert flush(at["people"], at["journal"], at["clock"]) == 3
    assert [state for *_, state in told(at)] == ["restricted", "lifted", "objected"]


def test_a_kept_order_is_told_when_it_is_carried_out(at: dict[str, Any]) -> None:
    """It came before a restriction by hand, and was due after it."""
    people = at["people"]
    people.orders.take("1" * 32, None, 1, records=None, due="2026-03-02T08:00:00.000Z", wire=b"{}")
    people.outbox.add([restricted(ANN, Restriction.RESTRICTED)])
    people.orders.carried_out("1" * 32, [erased(ANN, ErasureReason.EMPLOYER, 1)])
    assert [entry.records[0].kind for entry in people.outbox.pending()] == ["restricted", "erased"]


@pytest.mark.usefixtures("falling_ids")
def test_later_acts_about_a_person_wait_for_one_that_fails_and_others_do_not(at: dict[str, Any]) -> None:
    store = at["people"].path.with_name(images.NAME)
    store.mkdir()  # no image can be looked for
    with pytest.raises(TransferError, match="a folder has the name of this file: move it away"):
        withdraw(at)
    tried(lambda: enrol_again(at), TransferError)
    tried(lambda: actions.restrict(BOB, Restriction.OBJECTED, **at), TransferError)
    assert told(at) == [(BOB, "restricted", "objected")]
    store.rmdir()
    complete(at["people"], at["journal"], at["clock"])
    assert told(at)[1:] == WITHDRAWN_AND_ENROLLED
    assert ANN in at["people"].gallery("m", POLICY).people


def test_an_order_waits_for_what_an_operator_did_to_the_same_person(at: dict[str, Any]) -> None:
    people = at["people"]
    people.outbox.add(
        [
            restricted(ANN, Restriction.RESTRICTED)._replace(
                data={"person": ANN, "state": "restricted", "by": "4711"}
            )
        ]
    )
    people.orders.take("2" * 32, None, 2, records=[restricted(ANN, Restriction.OBJECTED)])
    people.orders.take("3" * 32, None, 3, records=[restricted(BOB, Restriction.OBJECTED)])
    with operator_lock.held(people.path.parent):
        assert flush(people, at["journal"], at["clock"], interrupted=True) == 1
    assert told(at) == [(BOB, "restricted", "objected")]
    assert flush(people, at["journal"], at["clock"]) == 2
    assert [state for *_, state in told(at)[1:]] == ["restricted", "objected"]


@pytest.mark.parametrize("person", ["\ud800", "../../x", ["a"], {"a": 1}, 10**30, True])
@pytest.mark.parametrize(
    "record", [["erased", {"reason": "employer", "templates": 1}], ["consent", {"state": "withdrawn"}]]
)
def test_a_record_about_nobody_stops_no_start_and_deletes_nothing(
    at: dict[str, Any], record: list[Any], person: object
) -> None:
    people, kind, data = at["people"], record[0], {**record[1], "person": person}
    with opened(people.path.with_name(images.NAME), at["clock"].evidence(), make=True):
        pass
    altered, sound = people.outbox.add([]), people.outbox.add([restricted(BOB, Restriction.OBJECTED)])
    row = (json.dumps([[kind, data]]), altered)
    people._db.execute("UPDATE orders SET owed = ? WHERE id = ?", row)
    complete(people, at["journal"], at["clock"])
    assert told(at) == [(BOB, "restricted", "objected")]
    assert people.outbox.aside() == [altered]
    assert sound not in people.outbox.aside()


def test_something_else_under_the_name_of_the_answers_stops_no_erasure(at: dict[str, Any]) -> None:
    at["people"].path.with_name(report.FOLDER).write_text("a note of the installer")
    actions.erase(ANN, ErasureReason.REQUESTED, **at)
    assert told(at) == [(ANN, "erased", None)]
    assert at["people"].path.with_name(report.FOLDER).exists()


def test_a_row_whose_id_is_no_text_any_more_is_told_once_or_set_aside_once(
    at: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    people = at["people"]
    sound, kept = people.outbox.add([restricted(ANN, Restriction.RESTRICTED)]), "5" * 32
    people.orders.take(kept, None, 1, records=None, due="2026-03-01T08:00:00.000Z", wire=b"{}")
    for act in (sound, kept):
        row = (b"\xff" + act[1:].encode(), act)
        people._db.execute("UPDATE orders SET id = CAST(? AS TEXT) WHERE id = ?", row)
    handler = OrderHandler(
        Origin("hq", "door-1"), SigningKey(bytes([1]) * 32), AUTHORITY.verify_key,
        lambda: People(people.path, bytes(32)), POLICY, at["clock"],
    )  # fmt: skip
    for _ in range(3):
        handler.look(at["journal"])
        at["clock"].passes(LOOK_NS / 1e9)
    handler.close()
    assert told(at) == [(ANN, "restricted", "restricted")]
    assert flush(people, at["journal"], at["clock"]) == 0
    assert len([line for line in caplog.messages if "a kept order cannot be read any more" in line]) == 1
    assert len(people.outbox.aside()) == 1
