"""Badges and PINs of an older people file that was put back alone, at the start of the terminal after it."""

import base64
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.public import SealedBox
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.face import Probe
from edge.domain.people.credentials import Token
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record import Draft, Origin, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import ErasureReason
from edge.journal.journal import Journal
from edge.people import outbox
from edge.people.lacking import Lack
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.operator import actions, enrolment
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.startup import completion, restored_credentials
from tests.support.clock import NOW, HandClock
from tests.support.people import CONSENT, POLICY

FIRST, SECOND, BOBS, PIN = "04A1B2C3", "04D4E5F6", "04778899", "274950"

AUTHORITY = SigningKey(bytes([2]) * 32)
PROBES = [Probe(np.eye(1, 192, dtype=np.float32)[0], "m", 1.0, 1.0)]


@dataclass
class Terminal:
    """Two people with a badge, a number and a PIN each, and a copy of their file as it was then."""

    root: Path
    people: People
    journal: Journal
    ann: str
    bob: str

    @property
    def at(self) -> dict[str, Any]:
        return {"people": self.people, "journal": self.journal, "clock": HandClock(), "by": "uid:7"}

    def copy(self) -> None:
        self.people.purge()
        shutil.copy(self.root / "people.db", self.root / "then.db")

    def put_back(self) -> None:
        self.people.close()
        shutil.copy(self.root / "then.db", self.root / "people.db")
        self.people = People(self.root / "people.db", bytes(32))

    def start(self) -> None:
        completion.complete(self.people, self.journal, HandClock())

    def held(self) -> dict[str, tuple[int, int, bool]]:
        return self.people.credentials.overview()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    people = People(tmp_path / "people.db", bytes(32))
    with Journal(tmp_path / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))) as journal:
        made = Terminal(tmp_path, people, journal, new_person_id(), new_person_id())
        for person, card, number in ((made.ann, FIRST, "1001"), (made.bob, BOBS, "1002")):
            people.add(person, "Somebody")
            actions.give_token(person, Token.BADGE, card, **made.at)
            actions.give_token(person, Token.NUMBER, number, **made.at)
            actions.choose_pin(person, PIN, **made.at)
        made.copy()
        yield made
        made.people.close()


ALL = (1, 1, True)
ACTS = {
    "badge": (lambda one: actions.take_tokens(one.ann, Token.BADGE, **one.at), (0, 1, True)),
    "number": (lambda one: actions.take_tokens(one.ann, Token.NUMBER, **one.at), (1, 0, True)),
    "pin": (lambda one: actions.choose_pin(one.ann, None, **one.at), (1, 1, False)),
    "another-pin": (lambda one: actions.choose_pin(one.ann, "836152", **one.at), (1, 1, False)),
}


@pytest.mark.parametrize("what", ACTS)
def test_what_was_taken_since_is_taken_again_and_nothing_else(terminal: Terminal, what: str) -> None:
    take, left = ACTS[what]
    take(terminal)
    said = terminal.journal.head().seq
    terminal.put_back()
    assert terminal.held() == {terminal.ann: ALL, terminal.bob: ALL}
    terminal.start()
    assert terminal.held() == {terminal.ann: left, terminal.bob: ALL}
    assert terminal.journal.head().seq == said, "the journal says so already"
    assert terminal.people.outbox.pending() == []


def test_a_file_that_was_not_put_back_keeps_what_was_given_after_a_taking(terminal: Terminal) -> None:
    actions.take_tokens(terminal.ann, Token.BADGE, **terminal.at)
    terminal.people.credentials.give(terminal.ann, Token.BADGE, SECOND)  # as the roster brings it: no record here
    terminal.start()
    assert terminal.held() == {terminal.ann: ALL, terminal.bob: ALL}


def test_a_badge_that_is_given_again_after_the_start_stays(terminal: Terminal, caplog) -> None:
    actions.take_tokens(terminal.ann, Token.BADGE, **terminal.at)
    terminal.put_back()
    terminal.start()
    assert terminal.ann in caplog.text
    assert terminal.bob not in caplog.text
    terminal.people.credentials.give(terminal.ann, Token.BADGE, SECOND)
    caplog.clear()
    terminal.start()
    assert terminal.held()[terminal.ann] == ALL
    assert caplog.text == ""


def test_a_new_file_takes_nothing_from_whom_the_roster_brings_later(terminal: Terminal) -> None:
    actions.take_tokens(terminal.ann, Token.BADGE, **terminal.at)
    terminal.people.close()
    for file in terminal.root.glob("people.db*"):
        file.unlink()
    terminal.people = People(terminal.root / "people.db", bytes(32))
    terminal.start()
    terminal.people.add(terminal.ann, "Ann")
    terminal.people.credentials.give(terminal.ann, Token.BADGE, SECOND)
    terminal.start()
    assert terminal.held() == {terminal.ann: (1, 0, False)}


def test_an_order_that_the_file_does_not_know_may_come_again(terminal: Terminal) -> None:
    order = "0" * 31 + "1"
    said = {"command_id": order, "command": "rectify", "outcome": "done", "detail": "the name is rectified"}
    assert terminal.journal.take_command(order, Draft(Kind.COMMAND_RESULT, said, NOW)) is not None
    terminal.start()
    assert not terminal.people.orders.known(order)
    assert terminal.people.lacking.all() == {}, "an older terminal's record does not say whose name it was"


def rectified(terminal: Terminal, name: str = "Ann Right", *, sequence: int = 1) -> bytes:
    """An order of the authority that the terminal obeyed."""
    sealed = SealedBox(SigningKey(bytes(32)).verify_key.to_curve25519_public_key()).encrypt(name.encode())
    fields = {"person": terminal.ann, "name": base64.b64encode(sealed).decode()}
    issued, expires = "2026-03-02T07:00:00.000Z", "2026-04-02T07:00:00.000Z"
    order = Order(f"{sequence:032x}", "hq", ("door-1",), sequence, issued, expires, Word.RECTIFY, fields)
    wire = dsse.to_wire(dsse.sign(Order.PAYLOAD_TYPE, order.encode(), AUTHORITY))
    assert obeyed(terminal, wire)
    return wire


def obeyed(terminal: Terminal, wire: bytes) -> bool:
    def opened() -> People:
        return People(terminal.root / "people.db", bytes(32))

    orders = OrderHandler(
        Origin("hq", "door-1"), SigningKey(bytes(32)), AUTHORITY.verify_key, opened, POLICY, HandClock()
    )
    try:
        return orders.take(dsse.parse(wire), terminal.journal)
    finally:
        orders.close()


def test_a_name_that_the_authority_corrected_is_said_to_be_lacking_until_somebody_looked(
    terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    rectified(terminal)
    terminal.start()
    assert terminal.people.lacking.all() == {}, "the file has it"
    terminal.put_back()
    terminal.start()
    assert terminal.people.lacking.all() == {terminal.ann: (Lack.NAME,)}
    assert actions.looked(terminal.ann, **terminal.at)
    terminal.start()
    assert terminal.people.lacking.all() == {}, "it is said once"
    assert "Ann Right" not in caplog.text


def test_the_order_that_comes_again_brings_the_name(terminal: Terminal) -> None:
    wire = rectified(terminal)
    assert not obeyed(terminal, wire)
    terminal.put_back()
    terminal.start()
    assert obeyed(terminal, wire)
    assert terminal.people.lacking.all() == {}
    assert {one.name for one in terminal.people.list() if one.id == terminal.ann} == {"Ann Right"}


def test_a_correction_that_was_refused_names_nobody(terminal: Terminal) -> None:
    actions.erase(terminal.ann, ErasureReason.REQUESTED, **terminal.at)
    rectified(terminal)
    result = decode(terminal.journal.payload_at(terminal.journal.head().seq) or b"")
    assert (result.data["outcome"], result.data.get("person")) == ("refused", None)


def forgetful(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this file's acts only three are known, and all of them are in the journal."""
    monkeypatch.setattr(outbox, "KEPT_IDS", 3)
    actions.take_tokens(terminal.bob, Token.BADGE, **terminal.at)
    actions.give_token(terminal.bob, Token.BADGE, SECOND, **terminal.at)
    for _ in range(3):
        actions.rectify(terminal.bob, "Bob", **terminal.at)
    assert not terminal.people.orders.remembers()


def test_credentials_that_the_notes_forgot_are_no_lack(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    forgetful(terminal, monkeypatch)
    assert restored_credentials.take_anew(terminal.people, terminal.journal) == 0
    assert terminal.held() == {terminal.ann: ALL, terminal.bob: ALL}
    assert terminal.people.lacking.all() == {}


def test_a_file_that_forgot_old_acts_is_judged_by_younger_ones(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful(terminal, monkeypatch)
    terminal.copy()
    actions.take_tokens(terminal.ann, Token.BADGE, **terminal.at)
    actions.choose_pin(terminal.bob, "836152", **terminal.at)
    terminal.put_back()
    assert restored_credentials.take_anew(terminal.people, terminal.journal) == 2
    assert terminal.held() == {terminal.ann: (0, 1, True), terminal.bob: (1, 1, False)}
    assert terminal.people.lacking.all() == {terminal.bob: (Lack.PIN,)}


def test_a_file_whose_acts_an_earlier_version_took_is_left_alone_and_a_warning_says_so(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forgetful(terminal, monkeypatch)
    terminal.people._db.execute("UPDATE orders SET taken = 0")
    by_hand_only = terminal.journal.results(0, "badge")
    terminal.people._db.execute("DELETE FROM orders WHERE id = ?", (by_hand_only[-1][0],))
    assert restored_credentials.take_anew(terminal.people, terminal.journal) == 0
    assert "cannot be told before the next act" in caplog.text
    assert terminal.held() == {terminal.ann: ALL, terminal.bob: ALL}


def test_acts_that_a_file_does_not_know_cost_it_no_more_each_the_more_there_are(terminal: Terminal) -> None:
    def steps(count: int) -> int:
        """Of a thousand instructions of SQLite each."""
        seen = []
        terminal.people._db.set_progress_handler(lambda: seen.append(1), 1_000)
        terminal.people.orders.know(f"{count:016x}{n:016x}" for n in range(count))
        terminal.people._db.set_progress_handler(None, 1_000)
        return len(seen)

    few = steps(500)
    assert steps(4_000) < 16 * max(1, few)  # eight times as many


def test_the_log_names_some_of_very_many_people(terminal: Terminal, caplog) -> None:
    people = [new_person_id() for _ in range(50)]
    for person in people:
        terminal.people.add(person, "Somebody")
    terminal.copy()
    for person in people:
        actions.rectify(person, "Another", **terminal.at)
    terminal.put_back()
    terminal.start()
    said = [one for one in caplog.messages if "somebody put an older copy" in one]
    assert len(said) == 1
    assert sum(person in said[0] for person in people) == 20
    assert "and 30 more since" in said[0]


GIVEN = {
    "badge": (lambda one: actions.give_token(one.ann, Token.BADGE, SECOND, **one.at), ("badge",)),
    "pin": (lambda one: actions.choose_pin(one.ann, "836152", **one.at), ("pin",)),
    "name": (lambda one: actions.rectify(one.ann, "Ann", **one.at), ("name",)),
    "another-badge": (
        lambda one: (
            actions.take_tokens(one.ann, Token.BADGE, **one.at),
            actions.give_token(one.ann, Token.BADGE, SECOND, **one.at),
        ),
        ("badge",),
    ),
    "face": (
        lambda one: enrolment.enrol("Ann", PROBES, CONSENT, POLICY, person=one.ann, **one.at),
        ("face", "consent"),
    ),
}


@pytest.mark.parametrize("what", GIVEN)
def test_what_was_given_since_is_said_until_somebody_looked(terminal: Terminal, what: str, caplog) -> None:
    give, lacks = GIVEN[what]
    give(terminal)
    assert terminal.people.lacking.all() == {}
    terminal.put_back()
    terminal.start()
    terminal.start()  # and every start after it
    assert terminal.people.lacking.all() == {terminal.ann: lacks}
    assert actions.looked(terminal.ann, **terminal.at)
    terminal.start()
    assert terminal.people.lacking.all() == {}
    assert not actions.looked(terminal.ann, **terminal.at)
    last = decode(terminal.journal.payload_at(terminal.journal.head().seq) or b"").data
    assert (last["command"], last["person"], last["by"]) == ("looked", terminal.ann, "uid:7")
    assert SECOND not in caplog.text


@pytest.mark.parametrize("enrolled", [False, True])
def test_who_came_since_is_said_although_the_file_knows_nothing_of_them(terminal: Terminal, enrolled: bool) -> None:
    parts = {"people": terminal.people, "journal": terminal.journal, "clock": HandClock(), "by": "uid:7"}
    if enrolled:
        person = enrolment.enrol("Eve", PROBES, CONSENT, POLICY, **parts).person
    else:
        person = actions.add("Eve", age_attested=True, **parts)
    actions.give_token(person, Token.BADGE, SECOND, **parts)
    terminal.put_back()
    terminal.start()
    lacks = ("person", "face", "consent", "badge") if enrolled else ("person", "badge")
    assert terminal.people.lacking.all() == {person: lacks}


ENDED = {
    "taken": lambda one: actions.take_tokens(one.ann, Token.BADGE, **one.at),
    "erased": lambda one: actions.erase(one.ann, ErasureReason.REQUESTED, **one.at),
}


@pytest.mark.parametrize("how", ENDED)
def test_what_was_given_and_ended_since_is_not_lacking(terminal: Terminal, how: str) -> None:
    actions.give_token(terminal.ann, Token.BADGE, SECOND, **terminal.at)
    ENDED[how](terminal)
    terminal.put_back()
    terminal.start()
    assert terminal.people.lacking.all() == {}


def test_a_face_that_was_given_and_withdrawn_since_is_not_lacking(terminal: Terminal) -> None:
    enrolment.enrol("Ann", PROBES, CONSENT, POLICY, person=terminal.ann, **terminal.at)
    actions.withdraw(terminal.ann, POLICY, **terminal.at)
    terminal.put_back()
    terminal.start()
    assert terminal.people.lacking.all() == {}


def test_an_erasure_forgets_what_somebody_lacked(terminal: Terminal) -> None:
    actions.give_token(terminal.ann, Token.BADGE, SECOND, **terminal.at)
    terminal.put_back()
    terminal.start()
    actions.erase(terminal.ann, ErasureReason.REQUESTED, **terminal.at)
    assert terminal.people.lacking.all() == {}


def test_an_order_to_erase_or_withdraw_forgets_what_somebody_lacked_who_is_not_in_the_file(
    terminal: Terminal,
) -> None:
    parts = {"people": terminal.people, "journal": terminal.journal, "clock": HandClock(), "by": "uid:7"}
    added = actions.add("Eve", age_attested=True, **parts)
    actions.give_token(added, Token.BADGE, SECOND, **parts)
    enrolled = enrolment.enrol("Zoe", PROBES, CONSENT, POLICY, **parts).person
    actions.give_token(enrolled, Token.NUMBER, "1009", **parts)
    terminal.put_back()
    terminal.start()
    assert set(terminal.people.lacking.all()) == {added, enrolled}
    terminal.people.foretell(added)  # as an order does of whom it finds nothing
    terminal.people.foretell(enrolled, withdrawn_at="2026-03-03T08:00:00.000Z")
    assert terminal.people.lacking.all() == {enrolled: (Lack.PERSON, Lack.NUMBER)}


def test_a_withdrawal_after_it_asks_for_no_face_any_more(terminal: Terminal) -> None:
    enrolment.enrol("Ann", PROBES, CONSENT, POLICY, person=terminal.ann, **terminal.at)
    terminal.copy()
    enrolment.agree(terminal.ann, CONSENT, POLICY, **terminal.at)
    actions.give_token(terminal.ann, Token.BADGE, SECOND, **terminal.at)
    terminal.put_back()
    terminal.start()
    assert terminal.people.lacking.all() == {terminal.ann: (Lack.CONSENT, Lack.BADGE)}
    actions.withdraw(terminal.ann, POLICY, **terminal.at)
    assert terminal.people.lacking.all() == {terminal.ann: (Lack.BADGE,)}


def test_what_was_altered_in_the_list_says_nothing(terminal: Terminal) -> None:
    terminal.people._db.execute("INSERT INTO lacking VALUES ('Ann Example', 'badge'), (?, 'soul')", (terminal.bob,))
    assert terminal.people.lacking.all() == {}


def test_whoever_is_no_supervisor_any_more_is_none_in_an_older_file(terminal: Terminal) -> None:
    actions.appoint(terminal.ann, "4711", **terminal.at)
    terminal.copy()
    actions.appoint(terminal.ann, None, **terminal.at)
    terminal.put_back()
    assert terminal.people.credentials.supervisors() == {terminal.ann}
    terminal.start()
    assert terminal.people.credentials.supervisors() == set()
    assert terminal.held()[terminal.ann] == (1, 1, True), "badge, number and PIN stay"


def test_a_supervisor_of_since_is_nothing_that_an_older_file_lacks(terminal: Terminal) -> None:
    actions.appoint(terminal.ann, "4711", **terminal.at)
    terminal.put_back()
    terminal.start()
    assert terminal.people.credentials.supervisors() == set()
    assert terminal.people.lacking.all() == {}
