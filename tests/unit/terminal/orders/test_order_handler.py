"""Orders at the terminal: only what is genuine, due and for us changes anything, once, and it is on record."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.public import PrivateKey, SealedBox
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.people.consent import Policy
from edge.domain.protocol import topics
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.protocol.resend_command import Resend
from edge.errors import JournalError, TransferError
from edge.journal.journal import Journal
from edge.journal.verify import verify_file
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.orders import put_off
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.outbox.flush import flush
from edge.terminal.subject_access import report
from edge.terminal.uplink.verified_messages import CentreMessages, RejectedCommand, SealedOrder
from tests.support.clock import HandClock
from tests.support.people import CONSENT, POLICY
from tests.support.signed_orders import AUTHORITY, END, EXPIRES, GATE, IDENTITY, ISSUED, MODEL, NEXT, STORAGE, sign

DOOR = CentreMessages(GATE, {}, orders=True)


@dataclass
class Bench:
    root: Path
    clock: HandClock
    people: People
    journal: Journal
    orders: OrderHandler
    count: int = 0

    def enrol(self, name: str = "Ann Example", seed: int = 1) -> str:
        person = new_person_id()
        rows = np.random.default_rng(seed).normal(size=(3, 192)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        self.people.enrol(person, name, CONSENT, POLICY, rows, MODEL)
        return person

    def order(self, word: Word, **fields: Any) -> Order:
        self.count += 1
        return Order(f"{self.count:032x}", "hq", ("gate-1",), self.count, ISSUED, EXPIRES, word, fields)

    def give(self, order: Order, key: SigningKey = AUTHORITY) -> bool:
        return self.orders.take(dsse.parse(sign(order, key)), self.journal)

    def records(self) -> list[dict[str, Any]]:
        found = [decode(dsse.parse(one.wire).payload) for one in self.journal.envelopes(0, 1000)]
        return [{"kind": record.kind, **record.data} for record in found]

    def said(self) -> list[tuple[str, str]]:
        return [(r["command"], r["outcome"]) for r in self.records() if r["kind"] == "command-result"]

    def matched(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.people.gallery(MODEL, POLICY).people)))

    def restart(self) -> None:
        self.orders.close()
        self.orders = OrderHandler(GATE, IDENTITY, AUTHORITY.verify_key, self.open, POLICY, self.clock)

    def open(self) -> People:
        return People(self.root / "people.db", STORAGE)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clock = HandClock(step_s=60)
    with (
        People(tmp_path / "people.db", STORAGE) as people,
        Journal(tmp_path / "journal.db", GATE, IDENTITY) as journal,
    ):
        made = Bench(tmp_path, clock, people, journal, OrderHandler.__new__(OrderHandler))
        made.orders = OrderHandler(GATE, IDENTITY, AUTHORITY.verify_key, made.open, POLICY, clock)
        yield made
        made.orders.close()
    report = verify_file(tmp_path / "journal.db", {dsse.key_id(IDENTITY.verify_key): IDENTITY.verify_key})
    assert report.problem is None, "whatever was ordered, the chain verifies"


def everything(root: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file())


def test_what_is_not_genuine_or_not_for_us_changes_nothing(bench: Bench) -> None:
    person = bench.enrol()
    good = bench.order(Word.ERASE, person=person, reason="requested")
    wire = sign(good)
    document = json.loads(wire)
    document["payload"] = base64.b64encode(replace(good, sequence=9).encode()).decode()
    oversized = json.dumps({**json.loads(good.encode()), "more": "x" * 17_000}).encode()
    for forged in (
        b"", b"{}", wire[:-20], wire[: len(wire) // 2], b"\xff" * 40_000, json.dumps(document).encode(),
        sign(good, NEXT), sign(good, IDENTITY),
        dsse.to_wire(dsse.sign(Resend.PAYLOAD_TYPE, good.encode(), AUTHORITY)),
        dsse.to_wire(dsse.sign(Order.PAYLOAD_TYPE, oversized, AUTHORITY)),
        dsse.to_wire(dsse.sign(Order.PAYLOAD_TYPE, b'{"v":1}', AUTHORITY)),
        sign(replace(good, terminals=("gate-2",))), sign(replace(good, site="other", terminals=("*",))),
        sign(replace(good, expires="2026-03-02T07:59:59.999Z")),
    ):  # fmt: skip
        message = DOOR.open(topics.command(GATE), forged)
        assert not (isinstance(message, SealedOrder) and bench.orders.take(message.envelope, bench.journal))
    assert bench.records() == []
    assert bench.matched() == (person,)
    assert bench.give(good), "the genuine one is still taken"
    assert bench.matched() == ()


def test_an_order_is_taken_once_even_by_a_new_journal(bench: Bench, tmp_path: Path) -> None:
    person = bench.enrol()
    first = bench.order(Word.RESTRICT, person=person)
    lifted = bench.order(Word.UNRESTRICT, person=person, lifts="restriction")
    assert bench.give(first)
    assert bench.give(lifted)
    for _ in range(2):
        assert not bench.give(first)
        bench.restart()
    with Journal(tmp_path / "other.db", GATE, IDENTITY) as fresh:
        assert not bench.orders.take(dsse.parse(sign(first)), fresh), "the people file remembers, too"
        assert fresh.head().seq == 0
    assert bench.matched() == (person,)
    assert bench.said() == [("restrict", "done"), ("unrestrict", "done")]


def test_an_older_order_does_not_undo_a_newer_one(bench: Bench) -> None:
    person = bench.enrol()
    older = bench.order(Word.UNRESTRICT, person=person, lifts="restriction")
    assert bench.give(bench.order(Word.RESTRICT, person=person))
    assert bench.give(older)
    assert bench.matched() == ()
    assert bench.said()[-1] == ("unrestrict", "refused")
    assert bench.records()[-1]["detail"] == "older than what was ordered since"


def test_restricted_people_are_kept_and_not_matched(bench: Bench) -> None:
    ann, bob = bench.enrol(), bench.enrol("Bob", 2)
    assert bench.give(bench.order(Word.RESTRICT, person=ann))
    assert bench.matched() == (bob,)
    assert bench.people.restriction(ann) is Restriction.RESTRICTED
    assert bench.give(bench.order(Word.UNRESTRICT, person=ann, lifts="restriction"))
    assert bench.matched() == tuple(sorted((ann, bob)))
    states = [(r["person"], r["state"]) for r in bench.records() if r["kind"] == "restricted"]
    assert states == [(ann, "restricted"), (ann, "lifted")]


def test_an_objection_ends_by_the_persons_own_word_alone(bench: Bench) -> None:
    person = bench.enrol()
    bench.give(bench.order(Word.OBJECT, person=person))
    bench.give(bench.order(Word.RESTRICT, person=person))
    bench.give(bench.order(Word.UNRESTRICT, person=person, lifts="restriction"))
    assert bench.people.restriction(person) is Restriction.OBJECTED
    assert bench.said() == [("object", "done"), ("restrict", "done"), ("unrestrict", "refused")]
    bench.give(bench.order(Word.UNRESTRICT, person=person, lifts="objection"))
    assert bench.matched() == (person,)


def test_withdrawal_by_order_leaves_no_byte_and_one_record(bench: Bench) -> None:
    person = bench.enrol()
    planted = planted_of(bench, person)
    assert all(blob in everything(bench.root) for blob in planted), "the scan finds what is there"
    assert bench.give(bench.order(Word.WITHDRAW, person=person))
    assert bench.give(bench.order(Word.WITHDRAW, person=person))
    assert not any(blob in everything(bench.root) for blob in planted)
    assert [(r["state"], r["policy_version"]) for r in bench.records() if r["kind"] == "consent"] == [
        ("withdrawn", POLICY.version)
    ]
    assert bench.said() == [("withdraw", "done"), ("withdraw", "done")]


def planted_of(bench: Bench, person: str) -> list[bytes]:
    db = bench.people._db
    rows = db.execute("SELECT sealed FROM templates WHERE person = ?", (person,)).fetchall()
    return [bytes(blob) for row in rows for blob in row] + [
        bytes(blob) for blob in db.execute("SELECT wrapped, name FROM people WHERE id = ?", (person,)).fetchone()
    ]


@pytest.mark.parametrize(
    ("word", "fields", "reason"),
    [
        (Word.ERASE, {"reason": "employer"}, "employer"),
        (Word.UNDER_AGE, {}, "under-age"),
        (Word.EMPLOYMENT_ENDED, {"at": "2026-03-02T07:59:00.000Z"}, "employment-ended"),
    ],
)
def test_after_an_erase_order_a_scan_finds_neither_templates_nor_key(
    bench: Bench, word: Word, fields: dict[str, str], reason: str
) -> None:
    ann, bob = bench.enrol(), bench.enrol("Bob", 2)
    asked = PrivateKey(bytes(32))
    key = base64.b64encode(bytes(asked.public_key)).decode()
    bench.give(bench.order(Word.ACCESS, person=ann, reply_key=key))
    answer = next((bench.root / "access").iterdir()).read_bytes()
    planted = [*planted_of(bench, ann), answer]
    assert all(blob in everything(bench.root) for blob in planted), "the scan finds what is there"
    assert bench.give(bench.order(word, person=ann, **fields))
    assert not any(blob in everything(bench.root) for blob in planted)
    assert bench.matched() == (bob,)
    (record,) = [r for r in bench.records() if r["kind"] == "erased"]
    assert (record["person"], record["reason"], record["templates"]) == (ann, reason, 3)
    assert bench.people.erasures() == bench.people.outbox.pending() == []


def test_what_ends_matching_holds_for_who_is_not_here_and_nothing_else(bench: Bench) -> None:
    nobody = new_person_id()
    lifts = (Word.UNRESTRICT, {"lifts": "restriction"})
    for word, fields in (
        (Word.ERASE, {"reason": "requested"}), (Word.WITHDRAW, {}), lifts, (Word.RESTRICT, {}), lifts, lifts,
        (Word.OBJECT, {}), lifts,
    ):  # fmt: skip
        assert bench.give(bench.order(word, person=nobody, **fields))
    assert bench.said() == [
        ("erase", "done"), ("withdraw", "done"), ("unrestrict", "refused"), ("restrict", "done"),
        ("unrestrict", "done"), ("unrestrict", "refused"), ("object", "done"), ("unrestrict", "refused"),
    ]  # fmt: skip
    assert bench.people.known() == frozenset()


def test_a_name_is_rectified_when_it_was_sealed_to_this_terminal(bench: Bench) -> None:
    person = bench.enrol("Ann Wrong")
    for signer, name in ((NEXT, "Eve"), (IDENTITY, "two\nlines"), (IDENTITY, "Ann Right")):
        box = SealedBox(signer.verify_key.to_curve25519_public_key())
        sealed = base64.b64encode(box.encrypt(name.encode())).decode()
        assert bench.give(bench.order(Word.RECTIFY, person=person, name=sealed))
    assert bench.people.list()[0].name == "Ann Right"
    assert bench.said() == [("rectify", "refused"), ("rectify", "refused"), ("rectify", "done")]
    assert b"Ann Right" not in everything(bench.root)


def test_access_hands_out_everything_for_the_requesters_key_alone(bench: Bench) -> None:
    person = bench.enrol("Zoë <b>Example</b>")
    bench.give(bench.order(Word.OBJECT, person=person))
    asked = PrivateKey.generate()
    key = base64.b64encode(bytes(asked.public_key)).decode()
    assert bench.give(bench.order(Word.ACCESS, person=person, reply_key=key))
    (path,) = (bench.root / "access").iterdir()
    sealed = path.read_bytes()
    assert hashlib.sha256(sealed).hexdigest() in bench.records()[-1]["detail"]
    archive = zipfile.ZipFile(io.BytesIO(SealedBox(asked).decrypt(sealed)))
    found, page = json.loads(archive.read("data.json")), archive.read("page.html").decode()
    assert (found["name"], found["restriction"]) == ("Zoë <b>Example</b>", "objected")
    assert found["consents"][0]["witness"] == "Wanda Witness"
    rows = np.frombuffer(base64.b64decode(found["templates"][0]["values"]), "<f4")
    assert rows.size == 3 * 192
    assert [one["type"] for one in found["records"]] == ["smartclocker.restricted.v1"]
    assert "<b>Example" not in page
    assert "Zoë &lt;b&gt;Example" in page
    assert b"Wanda" not in everything(bench.root)
    assert b"Zo\xc3\xab" not in everything(bench.root)


def asking(bench: Bench, person: str) -> Order:
    reply_key = base64.b64encode(bytes(PrivateKey(bytes([5]) * 32).public_key)).decode()
    return bench.order(Word.ACCESS, person=person, reply_key=reply_key)


def test_an_answer_that_cannot_be_written_is_written_later_and_keeps_no_other_order_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = bench.enrol(), bench.enrol("Bob", 2)
    assert bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=bob, at="2026-03-02T09:00:00.000Z"))
    asked = asking(bench, ann)

    def full(*_: object, **_options: object) -> Path:
        raise TransferError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(report, "keep", full)
        assert bench.give(asked), "it is taken, and completed later"
        assert not bench.give(asked)
        bench.clock.set(utc="2026-03-02T10:00:00.000Z", boottime_ms=8_200_000)
        bench.orders.look(bench.journal)
    assert bench.said() == [("employment-ended", "partly"), ("employment-ended", "done")]
    assert bench.matched() == (ann,)
    assert "tried again" in caplog.text
    bench.restart()
    bench.orders.look(bench.journal)
    assert bench.said()[-1] == ("access", "done")
    (answer,) = (bench.root / "access").iterdir()
    assert hashlib.sha256(answer.read_bytes()).hexdigest() in bench.records()[-1]["detail"]
    bench.orders.look(bench.journal)
    assert len(bench.said()) == 3, "once"


def test_an_answer_that_the_journal_tells_of_is_not_written_anew_for_an_older_people_file(bench: Bench) -> None:
    person = bench.enrol()
    asked = asking(bench, person)
    assert bench.give(asked)
    (answer,) = (bench.root / "access").iterdir()
    before = answer.read_bytes()
    bench.people._db.execute("DELETE FROM orders")
    assert bench.give(asked), "the older file does not know it"
    assert answer.read_bytes() == before, "what the record names by its sha256"
    assert bench.said() == [("access", "done")]
    assert bench.people.orders.kept() == bench.people.outbox.pending() == []


@pytest.mark.parametrize("again", [True, False])
def test_a_new_policy_is_in_force_until_the_configuration_says_otherwise(bench: Bench, again: bool) -> None:
    person = bench.enrol()
    text = "The second policy.\n"
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    fields = {"version": "2", "text": text, "consent_again": again}
    assert bench.give(bench.order(Word.POLICY, sha256="b" * 64, **fields))
    assert bench.said() == [("policy", "refused")]
    assert bench.give(bench.order(Word.POLICY, sha256=sha256, **fields))
    second = Policy("2", sha256)
    assert bench.people.accepted(POLICY)[0] == second
    assert bench.people.policy_text(second) == text
    assert bench.matched() == (() if again else (person,))
    bench.people.enrol(
        person, "Ann", replace(CONSENT, policy_version="2", policy_sha256=sha256), second,
        np.eye(1, 192, dtype=np.float32), MODEL,
    )  # fmt: skip
    assert bench.matched() == (person,)
    assert bench.people.accepted(Policy("3", "c" * 64)) == (Policy("3", "c" * 64),)
    assert bench.people.gallery(MODEL, Policy("3", "c" * 64)).size == 0


def test_the_end_of_an_employment_waits_for_its_instant(bench: Bench) -> None:
    person = bench.enrol()
    assert bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at=END))
    assert bench.said() == [("employment-ended", "partly")]
    for utc, synchronised in (("2026-03-10T22:59:59.999Z", True), ("2030-01-01T00:00:00.000Z", False)):
        bench.clock.set(utc=utc, synchronised=synchronised)
        bench.orders.look(bench.journal)
        assert bench.matched() == (person,), "never early, whatever a clock says that nobody vouches for"
    bench.clock.set(utc=END, synchronised=True)
    bench.restart()
    bench.orders.look(bench.journal)
    assert bench.matched() == ()
    assert bench.said() == [("employment-ended", "partly"), ("employment-ended", "done")]
    bench.orders.look(bench.journal)
    assert len(bench.records()) == 3


def test_without_a_time_server_the_boottime_tells_and_is_never_early(bench: Bench) -> None:
    person = bench.enrol()
    bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at="2026-03-03T08:00:00.000Z"))
    day = 86_400_000
    bench.clock.set(utc="1970-01-01T00:00:00.000Z", synchronised=False, boottime_ms=1_000_000 + day)
    bench.restart()
    bench.orders.look(bench.journal)
    assert bench.matched() == (person,), "the crystal may run fast"
    bench.clock.set(boottime_ms=1_000_000 + day + 10_000)
    bench.orders.look(bench.journal)
    assert bench.matched() == ()


def test_after_a_boot_without_a_time_server_nothing_tells(bench: Bench) -> None:
    person = bench.enrol()
    bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at=END))
    bench.clock.set(utc="2040-01-01T00:00:00.000Z", synchronised=False, boot_id="c" * 36, boottime_ms=10**12)
    bench.restart()
    bench.orders.look(bench.journal)
    assert bench.matched() == (person,)


def test_a_later_word_on_the_end_replaces_the_earlier(bench: Bench) -> None:
    person = bench.enrol()
    bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at=END))
    bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at="2026-05-01T00:00:00.000Z"))
    bench.clock.set(utc="2026-03-20T00:00:00.000Z")
    bench.orders.look(bench.journal)
    assert bench.matched() == (person,)
    assert [outcome for _, outcome in bench.said()] == ["partly", "refused", "partly"]


def test_an_employment_that_goes_on_is_not_ended(bench: Bench) -> None:
    person = bench.enrol()
    bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at=END))
    assert bench.give(bench.order(Word.EMPLOYMENT_CONTINUES, person=person))
    bench.clock.set(utc="2026-03-20T00:00:00.000Z")
    bench.restart()
    bench.orders.look(bench.journal)
    assert bench.matched() == (person,)
    assert bench.said() == [
        ("employment-ended", "partly"),
        ("employment-ended", "refused"),
        ("employment-continues", "done"),
    ]
    bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at="2026-03-19T00:00:00.000Z"))
    assert bench.matched() == (), "a later end counts again"


def test_an_employment_that_goes_on_is_too_late_after_the_erasure(bench: Bench) -> None:
    person = bench.enrol()
    bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at="2026-03-02T07:59:00.000Z"))
    bench.give(bench.order(Word.EMPLOYMENT_CONTINUES, person=person))
    assert bench.said()[-1] == ("employment-continues", "refused")
    assert bench.matched() == ()


def test_an_end_that_arrives_after_it_was_lifted_counts_no_more(bench: Bench) -> None:
    person = bench.enrol()
    ended = bench.order(Word.EMPLOYMENT_ENDED, person=person, at=END)
    assert bench.give(bench.order(Word.EMPLOYMENT_CONTINUES, person=person))
    bench.give(ended)
    bench.clock.set(utc="2026-03-20T00:00:00.000Z")
    bench.orders.look(bench.journal)
    assert bench.matched() == (person,)
    assert bench.said() == [("employment-continues", "done"), ("employment-ended", "refused")]


def test_who_does_not_know_the_time_lifts_no_end(bench: Bench) -> None:
    person = bench.enrol()
    bench.give(bench.order(Word.EMPLOYMENT_ENDED, person=person, at=END))
    bench.clock.set(utc="1970-01-01T00:00:00.000Z", synchronised=False, boot_id="c" * 36)
    bench.restart()
    assert not bench.give(bench.order(Word.EMPLOYMENT_CONTINUES, person=person))


def test_who_does_not_know_the_time_obeys_what_protects_and_nothing_else(bench: Bench) -> None:
    person = bench.enrol()
    bench.clock.set(synchronised=False)
    assert bench.give(bench.order(Word.RESTRICT, person=person))
    assert bench.orders.alarms == frozenset()
    assert not bench.give(bench.order(Word.UNRESTRICT, person=person, lifts="restriction"))
    assert bench.matched() == ()


def test_what_waits_for_the_clock_is_said_and_obeyed_once_it_follows_a_time_server(bench: Bench, caplog) -> None:
    person = bench.enrol()
    bench.clock.set(synchronised=False)
    name = base64.b64encode(
        SealedBox(IDENTITY.verify_key.to_curve25519_public_key()).encrypt(b"Ann Other")
    ).decode()
    wanted = bench.order(Word.RECTIFY, person=person, name=name)
    for _ in range(3):
        assert not bench.give(wanted)
    bench.orders.look(bench.journal)
    assert (bench.orders.alarms, bench.said()) == ({"orders-waiting"}, [])
    (said,) = [one.getMessage() for one in caplog.records if "waits until the clock" in one.getMessage()]
    assert f"(rectify, {wanted.id})" in said
    assert person not in said
    bench.clock.set(synchronised=True)
    bench.orders.look(bench.journal)
    assert (bench.orders.alarms, bench.said()) == (frozenset(), [("rectify", "done")])
    assert not bench.give(wanted), "taken"


def test_what_is_over_by_then_and_what_is_too_much_is_not_obeyed(bench: Bench) -> None:
    person = bench.enrol()
    bench.clock.set(synchronised=False)
    for _ in range(put_off.MOST + 5):
        assert not bench.give(bench.order(Word.UNRESTRICT, person=person, lifts="restriction"))
    assert not bench.give(bench.order(Word.UNRESTRICT, person=person, lifts="restriction"), key=NEXT)
    assert len(bench.orders._put_off.kept()) == put_off.MOST
    bench.clock.set(synchronised=True, utc=EXPIRES)
    bench.orders.look(bench.journal)
    assert (bench.orders.alarms, bench.said(), bench.orders._put_off.kept()) == (frozenset(), [], [])


def rotate(bench: Bench, **changes: Any) -> Order:
    key = base64.b64encode(bytes(NEXT.verify_key)).decode()
    fields = {"key": key, "from": ISSUED, "until": "2026-03-20T00:00:00.000Z"}
    return bench.order(Word.ROTATE, **(fields | changes))


def test_keys_overlap_and_the_old_one_ends_for_good(bench: Bench) -> None:
    person = bench.enrol()
    early = bench.order(Word.RESTRICT, person=person)
    assert not bench.give(early, NEXT), "not yet named"
    assert not bench.give(rotate(bench), NEXT), "nobody names himself"
    assert bench.give(rotate(bench))
    assert bench.give(early, NEXT)
    assert bench.give(bench.order(Word.UNRESTRICT, person=person, lifts="restriction"), AUTHORITY), "the overlap"
    bench.restart()
    bench.clock.set(utc="2026-03-20T00:00:00.000Z")
    late = bench.order(Word.RESTRICT, person=person)
    assert not bench.give(late, AUTHORITY)
    bench.clock.set(utc="2026-03-05T00:00:00.000Z")
    assert not bench.give(late, AUTHORITY), "a clock that is set back does not bring it back"
    assert bench.matched() == (person,)
    assert bench.give(late, NEXT)


def test_a_key_that_was_replaced_names_no_other_successor(bench: Bench) -> None:
    assert bench.give(rotate(bench))
    third = base64.b64encode(bytes(SigningKey(bytes([9]) * 32).verify_key)).decode()
    assert not bench.give(rotate(bench, key=third), AUTHORITY)
    assert bench.give(rotate(bench, key=third), NEXT)


def test_the_next_key_counts_from_its_instant_and_only_if_its_statement_verifies(bench: Bench) -> None:
    person = bench.enrol()
    assert bench.give(rotate(bench, **{"from": "2026-03-03T00:00:00.000Z"}))
    assert not bench.give(bench.order(Word.RESTRICT, person=person), NEXT)
    bench.clock.set(utc="2026-03-03T00:00:00.000Z")
    bench.people._db.execute("UPDATE authority SET wire = ?", (sign(rotate(bench), NEXT),))
    assert not bench.give(bench.order(Word.RESTRICT, person=person), NEXT), "a file that was altered adds no key"
    assert bench.give(bench.order(Word.RESTRICT, person=person), AUTHORITY)


def test_a_journal_that_takes_nothing_is_owed_the_record_and_gets_it(bench: Bench) -> None:
    person = bench.enrol()
    planted = planted_of(bench, person)
    bench.journal._db.execute("PRAGMA query_only = ON")
    order = bench.order(Word.ERASE, person=person, reason="requested")
    with pytest.raises(JournalError):
        bench.give(order)
    assert bench.matched() == (), "matching stopped first"
    bench.journal._db.execute("PRAGMA query_only = OFF")
    bench.restart()
    assert flush(bench.people, bench.journal, bench.clock, interrupted=True) == 1
    assert flush(bench.people, bench.journal, bench.clock, interrupted=True) == 0
    assert [r["kind"] for r in bench.records()] == ["erased", "command-result"]
    assert bench.records()[-1]["detail"] == "erased, 3 templates; completed after an interruption"
    assert not bench.give(order)
    assert not any(blob in everything(bench.root) for blob in planted)


def test_a_people_file_that_takes_nothing_leaves_the_order_for_another_time(bench: Bench) -> None:
    person = bench.enrol()
    order = bench.order(Word.RESTRICT, person=person)
    bench.orders.look(bench.journal)
    bench.orders._people._db.execute("PRAGMA query_only = ON")
    assert not bench.give(order)
    assert bench.records() == []
    bench.orders._people._db.execute("PRAGMA query_only = OFF")
    assert bench.give(order)
    assert bench.matched() == ()


def test_the_wall_between_orders_and_commands(bench: Bench) -> None:
    order = sign(bench.order(Word.RESTRICT, person="a" * 26))
    assert isinstance(DOOR.open(topics.command(GATE), order), SealedOrder)
    resend = dsse.to_wire(dsse.sign(Resend.PAYLOAD_TYPE, b"{}", AUTHORITY))
    for other in (resend, b"", b"{}", order[:-3]):
        assert isinstance(DOOR.open(topics.command(GATE), other), RejectedCommand)
    without = CentreMessages(GATE, {}, orders=False)
    assert isinstance(without.open(topics.command(GATE), order), RejectedCommand)
    assert DOOR.open(topics.command(replace(GATE, terminal="gate-2")), order) is None


@pytest.mark.parametrize("spoiled", ["wire", "due", "another"])
def test_an_order_that_is_kept_and_was_altered_is_set_aside_and_keeps_no_other(bench: Bench, spoiled: str) -> None:
    ann, bob = bench.enrol("Ann", 1), bench.enrol("Bob", 2)
    first, second = (bench.order(Word.EMPLOYMENT_ENDED, person=one, at=END) for one in (ann, bob))
    assert bench.give(first)
    assert bench.give(second)
    forged = sign(replace(first, fields={"person": bob, "at": ISSUED}), IDENTITY)
    change = {
        "wire": ("wire", b"rubbish"),
        "due": ("due", "0026-03-10T23:00:00.000Z"),
        "another": ("wire", forged),
    }[spoiled]
    bench.people._db.execute(f"UPDATE orders SET {change[0]} = ? WHERE id = ?", (change[1], first.id))
    bench.orders.look(bench.journal)
    assert set(bench.matched()) == {ann, bob}, "never early"
    bench.clock.set(utc=END)
    bench.orders.look(bench.journal)
    assert bench.matched() == (() if spoiled == "due" else (ann,))
    assert bench.people.outbox.aside() == ([] if spoiled == "due" else [first.id])
