"""Answers and evidence images that were put back from an older copy, at the start of the terminal after it."""

import base64
import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.privacy.access_page import page
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record import GENESIS, Draft, Origin, Position, decode, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.domain.vocabulary import ErasureReason
from edge.evidence_images.store import opened
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.people.site.schema import NAME, persons
from edge.people.site.store import SiteStore, VerifiedRecord
from edge.terminal.operator import actions
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.startup import completion, restored_files
from edge.terminal.subject_access import report
from tests.support.clock import NOW, HandClock
from tests.support.people import CONSENT, POLICY
from tests.support.records import punch_data

GATE = Origin("hq", "gate-1")
IDENTITY, AUTHORITY = (SigningKey(bytes([n]) * 32) for n in (1, 2))
REPLY_KEY = base64.b64encode(bytes(PrivateKey(bytes([7]) * 32).public_key)).decode()


@dataclass
class Terminal:
    root: Path
    people: People
    journal: Journal
    clock: HandClock = field(default_factory=HandClock)
    count: int = 0

    def __post_init__(self) -> None:
        self.orders = OrderHandler(
            GATE,
            IDENTITY,
            AUTHORITY.verify_key,
            lambda: People(self.root / "people.db", bytes(32)),
            POLICY,
            self.clock,
        )

    @property
    def at(self) -> dict[str, Any]:
        return {"people": self.people, "journal": self.journal, "clock": self.clock, "by": "uid:7"}

    def enrol(self) -> str:
        person = new_person_id()
        self.people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        return person

    def order(self, word: Word, **fields: Any) -> None:
        self.count += 1
        until = "2026-04-02T07:00:00.000Z"
        order = Order(
            f"{self.count:032x}", "hq", ("gate-1",), self.count, "2026-03-02T07:00:00.000Z", until, word, fields
        )
        signed = dsse.sign(Order.PAYLOAD_TYPE, order.encode(), AUTHORITY)
        assert self.orders.take(signed, self.journal)

    def image(self, person: str) -> str:
        """Of a record that is made now."""
        self.journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, NOW))
        record = f"gate-1/{self.journal.epoch}/{self.journal.head().seq}"
        with opened(self.root / "evidence.db", NOW, make=True) as store:
            assert store is not None
            assert store.keep(record, person, NOW, b"sealed" * 200, 5_000_000)
        return record

    def images(self) -> list[str]:
        with opened(self.root / "evidence.db", NOW) as store:
            return [] if store is None else [one.record for one in store.stills()]

    def answers(self) -> list[str]:
        return sorted(path.name for path in (self.root / "access").iterdir())

    def start(self) -> None:
        completion.complete(self.people, self.journal, self.clock)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with (
        People(tmp_path / "people.db", bytes(32)) as people,
        Journal(tmp_path / "journal.db", GATE, IDENTITY) as journal,
    ):
        made = Terminal(tmp_path, people, journal)
        yield made
        made.orders.close()


def test_an_answer_of_before_an_erasure_goes_again_and_one_of_after_it_stays(terminal: Terminal) -> None:
    ann, bob = terminal.enrol(), terminal.enrol()
    for person in (ann, bob):
        terminal.order(Word.ACCESS, person=person, reply_key=REPLY_KEY)
    before = [name for name in terminal.answers() if name.startswith(ann)]
    shutil.copytree(terminal.root / "access", terminal.root / "copy")
    actions.erase(ann, ErasureReason.REQUESTED, **terminal.at)
    terminal.order(Word.ACCESS, person=ann, reply_key=REPLY_KEY)
    rightly = terminal.answers()
    assert len(rightly) == 2
    terminal.start()
    assert terminal.answers() == rightly, "nothing was put back"
    shutil.copytree(terminal.root / "copy", terminal.root / "access", dirs_exist_ok=True)
    (terminal.root / "access" / f"{before[0]}.0123456789abcdef.part").write_bytes(b"half of it")
    assert len(terminal.answers()) == 4
    terminal.start()
    assert terminal.answers() == rightly


DELETIONS = {
    "one-by-hand": (lambda one, ann: actions.delete_images(ann, **one.at), False),
    "all-by-hand": (lambda one, ann: actions.delete_images(None, **one.at), True),
    "one-by-order": (lambda one, ann: one.order(Word.DELETE_EVIDENCE, whose=ann), False),
    "all-by-order": (lambda one, ann: one.order(Word.DELETE_EVIDENCE, whose="*"), True),
}


@pytest.mark.parametrize("how", DELETIONS)
def test_images_of_before_their_deletion_go_again_and_later_ones_stay(terminal: Terminal, how: str) -> None:
    delete, everybodys = DELETIONS[how]
    ann, bob = terminal.enrol(), terminal.enrol()
    first, bobs = terminal.image(ann), terminal.image(bob)
    store, copy = terminal.root / "evidence.db", terminal.root / "copy.db"
    shutil.copy(store, copy)
    delete(terminal, ann)
    shutil.copy(copy, store)
    later = terminal.image(ann)
    assert terminal.images() == [first, bobs, later]
    terminal.start()
    assert terminal.images() == ([later] if everybodys else [bobs, later])
    assert restored_files.drop_images(terminal.people, terminal.journal, terminal.clock) == 0


def hear(terminal: Terminal, *people: str) -> None:
    """The site's other door said of each that they came."""
    other, prev = SigningKey(bytes([9]) * 32), GENESIS
    with SiteStore(terminal.root / NAME, "hq") as store:
        for seq, person in enumerate(people, 1):
            draft = Draft(Kind.PUNCH, punch_data(person), NOW)
            payload = encode(Origin("hq", "gate-2"), Position("e" * 32, seq, prev), draft)
            prev = payload_hash(payload)
            store.keep(
                [VerifiedRecord(decode(payload), payload, dsse.key_id(other.verify_key))],
                NOW,
                (terminal.journal.epoch, 1),
            )


def gone(terminal: Terminal, ann: str, how: str) -> None:
    if how == "by hand":
        actions.erase(ann, ErasureReason.REQUESTED, **terminal.at)
    elif how == "by order":
        terminal.order(Word.ERASE, person=ann, reason="requested")
    elif how == "under age":
        terminal.order(Word.UNDER_AGE, person=ann)
    else:
        terminal.people.erase(ann, NOW.utc, "requested")  # and then the power went
        terminal.start()


@pytest.mark.parametrize("how", ["by hand", "by order", "under age", "interrupted"])
def test_whoever_is_erased_goes_from_what_was_heard_too(terminal: Terminal, how: str) -> None:
    ann, bob = terminal.enrol(), terminal.enrol()
    hear(terminal, ann, bob)
    gone(terminal, ann, how)
    assert persons(terminal.root / NAME) == {bob}
    whole = b"".join(path.read_bytes() for path in terminal.root.glob(f"{NAME}*"))
    assert ann.encode() not in whole


@pytest.mark.parametrize("older", ["the file alone", "with the people file"])
def test_what_was_heard_of_somebody_who_was_erased_since_does_not_come_back(terminal: Terminal, older: str) -> None:
    ann, bob, stranger = terminal.enrol(), terminal.enrol(), new_person_id()
    hear(terminal, ann, bob, stranger)
    (terminal.root / "copy").mkdir()
    for name in (NAME, "people.db"):
        with contextlib.closing(sqlite3.connect(terminal.root / name)) as db:
            db.execute("VACUUM INTO ?", (str(terminal.root / "copy" / name),))
    actions.erase(ann, ErasureReason.REQUESTED, **terminal.at)
    shutil.copyfile(terminal.root / "copy" / NAME, terminal.root / NAME)
    if older == "with the people file":
        terminal.people.close()
        shutil.copyfile(terminal.root / "copy" / "people.db", terminal.root / "people.db")
        for end in ("-wal", "-shm"):
            (terminal.root / f"people.db{end}").unlink(missing_ok=True)
        terminal.people = People(terminal.root / "people.db", bytes(32))
    assert ann in persons(terminal.root / NAME)
    terminal.start()
    assert persons(terminal.root / NAME) == {bob, stranger}
    terminal.people.close()


def test_a_damaged_file_of_the_other_doors_holds_no_start_up(terminal: Terminal) -> None:
    (terminal.root / NAME).write_bytes(b"\xff" * 9_000)
    assert restored_files.drop_heard(terminal.people, terminal.journal) == 0
    terminal.start()


def test_an_answer_has_what_was_heard_at_other_doors(terminal: Terminal) -> None:
    ann = terminal.enrol()
    hear(terminal, ann)
    found = report.collect(ann, NOW.utc, GATE, terminal.people, terminal.journal, [])
    assert [one["id"] for one in found["heard"]] == [f"gate-2/{'e' * 32}/1"]
    assert "other doors" in page([found])
    assert f"gate-2/{'e' * 32}/1" in page([found])
    assert "other doors" not in page([{**found, "heard": []}])
