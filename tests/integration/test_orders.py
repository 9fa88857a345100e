"""Orders from the centre's command line through a real broker to terminals, and their results in the ledger."""

import base64
import contextlib
import hashlib
import io
import json
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from nacl.public import PrivateKey

from edge.adapters.mqtt.uplink import MqttUplink
from edge.central.authority import authority_key, order_status
from edge.central.broker import certificates
from edge.central.ledger.recheck import verify_all
from edge.central.roster import membership
from edge.central.roster.store import RosterStore
from edge.cli import main
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_public, load_sealing, load_secret
from edge.domain.people.consent import Policy
from edge.domain.people.credentials import Token
from edge.domain.protocol import topics
from edge.domain.protocol.order import Order
from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import Kind
from edge.evidence_images import sealed_image
from edge.evidence_images.store import opened
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.subject_access.report import seal
from edge.terminal.uplink.publisher import Publisher
from edge.terminal.uplink.status import last_will
from tests.support.clock import WallClock
from tests.support.people import CONSENT, POLICY


class Gate:
    """A terminal with people, whose publisher obeys the authority."""

    def __init__(self, installation, name: str, pinned) -> None:
        self.site, self.terminal, self.pinned = installation, installation.terminal(name), pinned
        self.state = installation.root / name
        self.state.mkdir()
        self.publisher = self.thread = None
        self.stopping = threading.Event()

    def people(self) -> People:
        return People(self.state / "people.db", bytes(32))

    def enrol(self, person: str, seed: int = 1) -> None:
        rows = np.random.default_rng(seed).normal(size=(3, 192)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        with self.people() as people:
            people.enrol(person, "Ann Unmistakable", CONSENT, POLICY, rows, "m")

    def matched(self) -> tuple[str, ...]:
        with self.people() as people:
            return tuple(sorted(set(people.gallery("m", POLICY).people)))

    def run(self) -> None:
        origin, installation = self.terminal.origin, self.site
        subscriptions = [topics.receipt(origin), topics.command(origin)]
        uplink = MqttUplink(installation.uplink(origin.terminal), origin, last_will(origin), subscriptions)
        obeying = OrderHandler(origin, self.terminal.key, self.pinned, self.people, POLICY, WallClock())
        keys = {key_id(installation.ledger_key.verify_key): installation.ledger_key.verify_key}
        self.publisher = Publisher(uplink, self.terminal.journal, origin, keys, WallClock(), orders=obeying)
        self.stopping.clear()

        def loop() -> None:
            self.publisher.open()
            while not self.stopping.is_set():
                self.publisher.run_once(0.1)
            self.publisher.close()

        self.thread = threading.Thread(target=loop)
        self.thread.start()
        installation.eventually(lambda: self.publisher.connected, "connected")

    def stop(self) -> None:
        if self.thread is not None:
            self.stopping.set()
            self.publisher.wake()
            self.thread.join(60)
            self.thread = None

    def bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.state.rglob("*")) if path.is_file())


@pytest.fixture
def centre(installation):
    (installation.root / "pki").symlink_to(installation.broker.pki)
    certificates.issue_client(installation.broker.pki, certificates.AUTHORITY)
    assert main(["central", "authority", "init", str(installation.root), "--by", "Pat"]) == 0
    installation.ledger()
    return installation


@pytest.fixture
def gates(centre):
    pinned = load_public(centre.root / authority_key.PUBLIC)
    made = [Gate(centre, name, pinned) for name in ("gate-1", "gate-2")]
    for gate in made:
        gate.run()
    yield made
    for gate in made:
        gate.stop()


def central(installation, verb: str, *words: str) -> int:
    broker = ["--host", installation.broker.host, "--port", str(installation.broker.port)]
    return main(["central", *verb.split(), str(installation.root), *words, *broker])


def order(installation, *words: str, wait: str = "60s") -> int:
    """About people whose enrolment no ledger has, since these tests make them in the people file alone."""
    return central(
        installation, "order", *words, "--by", "Pat", "--why", "asked by letter", "--wait", wait, "--force"
    )


def listed(installation, capsys, *words: str) -> list[dict]:
    capsys.readouterr()
    central(installation, "orders", "--json", *words)
    return json.loads(capsys.readouterr().out)


def test_an_order_to_a_site_is_obeyed_everywhere_and_on_record(centre, gates, capsys):
    person = new_person_id()
    for gate in gates:
        gate.enrol(person)
    assert order(centre, "main/*", "restrict", person) == 0
    assert [gate.matched() for gate in gates] == [(), ()]
    rows = listed(centre, capsys, "--all")
    assert [(row["terminal"], row["state"]) for row in rows] == [("gate-1", "done"), ("gate-2", "done")]
    assert order(centre, "main/gate-2", "unrestrict", person, "--lifts", "restriction") == 0
    assert [gate.matched() for gate in gates] == [(), (person,)]
    with centre.store() as store:
        assert all(report.ok for report in verify_all(store))


def test_the_audit_shows_what_terminals_did_beside_what_was_ordered(centre, gates, capsys):
    child, other = new_person_id(), new_person_id()
    for gate in gates:
        gate.enrol(child)
        gate.enrol(other, seed=2)
    assert order(centre, "main/*", "under-age", child) == 0
    assert order(centre, "main/gate-1", "restrict", other) == 0
    assert [gate.matched() for gate in gates] == [(), (other,)]
    shown = ["central", "audit", str(centre.root), "--terminals", "--person", child]
    capsys.readouterr()
    assert main([*shown, "--json"]) == 0
    audit = json.loads(capsys.readouterr().out)
    assert [(entry["act"], entry["person"]) for entry in audit["entries"]] == [("order", child)]
    number = audit["entries"][0]["data"]["sequence"]
    erased = [one for one in audit["records"] if one["kind"] == "erased"]
    assert sorted(one["record"].split("/")[0] for one in erased) == ["gate-1", "gate-2"]
    assert {(one["person"], one["data"]["reason"]) for one in erased} == {(child, "under-age")}
    results = [one for one in audit["records"] if one["kind"] == "command-result"]
    assert [(one["order"], one["data"]["outcome"]) for one in results] == [(number, "done")] * 2
    assert len(audit["records"]) == 4
    assert main(shown[:-2]) == 0
    everything = capsys.readouterr().out
    assert other in everything
    assert "the ledger verifies" in everything
    with contextlib.closing(sqlite3.connect(centre.root / "ledger.db")) as db, db:
        db.execute("UPDATE records SET signature = zeroblob(64) WHERE kind = 'erased'")
    assert main(shown) == 65
    assert "gate-1" in capsys.readouterr().out.split("problems:")[1]


def test_a_terminal_that_is_away_owes_and_acts_when_it_returns(centre, gates, capsys):
    person = new_person_id()
    for gate in gates:
        gate.enrol(person)
    gates[1].stop()
    opening = ["central", "rights", "open", str(centre.root), person, "erasure", "--by", "Pat", "--why", "letter"]
    assert main([*opening, "--force"]) == 0, "neither roster nor records of the ledger know them yet"
    assert order(centre, "main/*", "erase", person, "--reason", "requested", "--request", "2", wait="3s") == 1
    centre.eventually(lambda: [row["terminal"] for row in listed(centre, capsys)] == ["gate-2"], "the other obeyed")
    assert [gate.matched() for gate in gates] == [(), (person,)]
    owed = listed(centre, capsys)
    assert [(row["terminal"], row["state"], row["times"]) for row in owed] == [("gate-2", "owed", 1)]
    closing = ["central", "rights", "close", str(centre.root), "2", "--ground", "erased", "--why", "done"]
    assert main(closing) == 65, "not while a terminal owes"
    assert "gate-2" in capsys.readouterr().err
    gates[1].run()
    centre.eventually(lambda: not listed(centre, capsys), "its result is in the ledger")
    assert gates[1].matched() == ()
    assert main(closing) == 0
    capsys.readouterr()
    assert main(["central", "rights", "list", str(centre.root), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["standing"], [one["state"] for one in row["terminals"]]) == ("done", ["done", "done"])
    assert main(["central", "audit", str(centre.root), "--json"]) == 0
    audit = json.loads(capsys.readouterr().out)
    assert [entry["act"] for entry in audit["entries"]] == [
        "authority-made",
        "right-opened",
        "order",
        "right-closed",
    ]
    assert audit["problem"] is None


def test_a_broker_that_lost_its_queue_is_sent_it_again(centre, gates, capsys):
    person = new_person_id()
    gates[0].enrol(person)
    gates[0].stop()
    assert order(centre, "main/gate-1", "withdraw", person, wait="1s") == 1
    tap = centre.neighbour("gate-1", client_id="main.gate-1")  # takes over the session, and with it the queue
    tap.hears(topics.command(gates[0].terminal.origin), b"order+json")
    tap.link.stop()
    gates[0].run()
    assert listed(centre, capsys)[0]["state"] == "owed"
    assert listed(centre, capsys, "--send")[0]["times"] == 1, "not again within the hour"
    db = sqlite3.connect(centre.root / authority_key.DB, isolation_level=None)
    db.execute("UPDATE addressed SET sent = '2026-01-01T00:00:00.000Z'")
    db.close()
    central(centre, "orders", "--send")
    centre.eventually(lambda: not listed(centre, capsys), "answered")
    assert gates[0].matched() == ()


def test_what_is_cancelled_when_another_command_is_about_to_send_it_is_not_sent(centre, gates, capsys, monkeypatch):
    """`orders --every` had read the order as owed; nobody may hear 'never sent' of one that goes out after it."""
    person, other = new_person_id(), new_person_id()
    gates[0].enrol(person)
    gates[0].enrol(other, seed=2)
    nowhere = ["--by", "Pat", "--why", "asked by letter", "--port", "1", "--wait", "1s", "--force"]
    assert main(["central", "order", str(centre.root), "main/gate-1", "restrict", person, *nowhere]) == 1
    real, said = order_status.due, []

    def late(found):
        which = real(found)
        capsys.readouterr()
        assert main(["central", "orders", str(centre.root), "--cancel", "1", "--by", "Pat", "--why", "a slip"]) == 0
        said.append(capsys.readouterr().out)
        return which

    monkeypatch.setattr(order_status, "due", late)
    central(centre, "orders", "--send")
    assert "cancelled; it was never sent" in said[0]
    assert order(centre, "main/gate-1", "restrict", other) == 0, "what was sent before it came before it"
    assert gates[0].matched() == (person,)
    first = listed(centre, capsys, "--all")[0]
    assert (first["state"], first["times"]) == ("cancelled", 0)


def test_a_name_travels_sealed_and_an_answer_comes_back_for_one_key(
    centre, gates, capsys, tmp_path: Path, monkeypatch
):
    person = new_person_id()
    tap = centre.neighbour("eavesdropper", "#")
    gates[0].enrol(person)
    with gates[0].people() as people, RosterStore(centre.root) as store:
        membership.add(store, "main", person, people.member(person))
    monkeypatch.setattr("sys.stdin", io.StringIO("Ann\u00a0Rightname\n"))
    assert order(centre, "main/gate-1", "rectify", person, "--name", "-") == 0
    with RosterStore(centre.root) as store:
        assert store.people.member(person).name == "Ann Rightname", "no later roster brings the old one back"
        assert store.members("main")[person].stale
    with gates[0].people() as people:
        assert people.list()[0].name == "Ann Rightname"
    assert main(["central", "rights", "key", str(tmp_path / "ann.key")]) == 0
    assert order(centre, "main/gate-1", "access", person, "--reply-key", str(tmp_path / "ann.key")) == 0
    (answer,) = (gates[0].state / "access").iterdir()
    into = tmp_path / "opened"
    into.mkdir()
    reading = ["central", "rights", "read", str(answer), "--key", str(tmp_path / "ann.key"), "--into", str(into)]
    reading += ["--ledger", str(centre.root)]
    assert main(reading) == 0
    for name in ("data.json", "page.html"):
        assert (into / name).stat().st_mode & 0o777 == 0o600
    forged = tmp_path / "forged.sealed"  # whoever knows the public half, which stands in the order
    found = json.loads((into / "data.json").read_text())
    forged.write_bytes(seal({**found, "name": "Mallory"}, _public_half(tmp_path / "ann.key")))
    again = tmp_path / "again"
    again.mkdir()
    capsys.readouterr()
    assert main([*reading[:3], str(forged), *reading[4:7], str(again), *reading[8:]]) == 65
    assert "no trusted signed record" in capsys.readouterr().err
    assert list(again.iterdir()) == []
    assert json.loads((into / "data.json").read_text())["name"] == "Ann Rightname"
    assert "Ann Rightname" in (into / "page.html").read_text()
    assert main(["central", "rights", "key", str(tmp_path / "other.key")]) == 0
    assert main([*reading[:5], str(tmp_path / "other.key"), *reading[6:]]) == 65
    for secret in (b"Rightname", b"Unmistakable", b"Wanda"):
        assert secret not in gates[0].bytes()
        assert secret not in (centre.root / authority_key.DB).read_bytes()
        assert not any(secret in raw + base64.b64decode(json.loads(raw).get("payload", "")) for _, raw in tap.heard)


def _public_half(path: Path) -> bytes:
    return bytes(PrivateKey(load_secret(path)).public_key)


def test_what_is_ordered_about_a_face_holds_in_the_centres_roster_too(centre, gates, capsys):
    """Or a terminal that is installed later would match somebody who said no."""
    person = new_person_id()
    gates[0].enrol(person)
    with gates[0].people() as people, RosterStore(centre.root) as store:
        membership.add(store, "main", person, people.member(person))

    def standing() -> tuple[str | None, bool]:
        with RosterStore(centre.root) as store:
            return store.people.restriction(person), bool(store.people.member(person).templates)

    assert order(centre, "main/gate-1", "object", person) == 0
    assert standing() == ("objected", True)
    assert "central roster publish" in capsys.readouterr().err
    assert order(centre, "main/gate-1", "unrestrict", person, "--lifts", "restriction") == 1
    assert standing() == ("objected", True)
    assert order(centre, "main/gate-1", "unrestrict", person, "--lifts", "objection") == 0
    assert order(centre, "main/gate-1", "restrict", person) == 0
    assert standing() == ("restricted", True)
    capsys.readouterr()
    with gates[0].people() as people, RosterStore(centre.root) as store:
        people.credentials.give(person, Token.BADGE, "4711")
        membership.add(store, "main", person, people.member(person))
    assert order(centre, "main/gate-1", "withdraw", person) == 0
    assert standing() == ("restricted", False)
    assert "badge and PIN stay" in capsys.readouterr().err

    bare = new_person_id()
    gates[0].enrol(bare)
    with gates[0].people() as people, RosterStore(centre.root) as store:
        membership.add(store, "main", bare, people.member(bare))
    assert order(centre, "main/gate-1", "withdraw", bare) == 0
    assert "without one they are taken out" in capsys.readouterr().err
    with RosterStore(centre.root) as store:
        assert store.members("main")[bare].gone == "withdrawn"
        assert bare not in store.people.enrolled()


def test_an_image_comes_from_a_terminal_to_the_employers_key_alone(centre, gates, capsys, tmp_path: Path):
    person, tap = new_person_id(), centre.neighbour("eavesdropper", "#")
    gates[0].enrol(person)
    assert main(["central", "evidence", "key", str(tmp_path / "evidence.key")]) == 0
    key, now = load_sealing(tmp_path / "evidence.key.pem"), WallClock().evidence()
    record, picture = f"gate-1/{'e' * 32}/1", b"a picture of Ann" * 100
    sealed = sealed_image.seal(record, person, now.utc, picture, key)
    with opened(gates[0].state / "evidence.db", now, make=True) as store:
        assert store.keep(record, person, now, sealed, 1_000_000)
    wanted = ("release-evidence", person, "--record", record, "--ground", "dispute")
    assert order(centre, "main/gate-2", *wanted) == 1, "it is kept at the other"
    assert order(centre, "main/gate-1", *wanted) == 0
    (answer,) = (gates[0].state / "access").iterdir()
    into = tmp_path / "opened"
    into.mkdir()
    opening = [
        "central",
        "evidence",
        "open",
        str(centre.root),
        str(answer),
        "--key",
        str(tmp_path / "evidence.key"),
    ]
    assert main([*opening, "--into", str(into), "--by", "Pat", "--why", "the punch is disputed"]) == 0
    assert [path.read_bytes() for path in into.iterdir()] == [picture]
    assert order(centre, "main/*", "delete-evidence", person) == 0
    assert list((gates[0].state / "access").iterdir()) == []
    assert sealed[60:160] not in gates[0].bytes()
    capsys.readouterr()
    assert main(["central", "audit", str(centre.root), "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)["entries"]
    told = [(one["act"], one["person"], one["data"].get("ground")) for one in entries]
    assert told.count(("order", person, "dispute")) == 2
    assert ("evidence-opened", person, None) in told
    assert not any(b"picture of Ann" in raw or sealed[60:160] in raw for _, raw in tap.heard)


def test_keys_are_rotated_while_terminals_work(centre, gates, capsys):
    person = new_person_id()
    gates[0].enrol(person)
    old = authority_key.load(centre.root)
    assert main(["central", "authority", "rotate", str(centre.root), "--why", "yearly", "--overlap", "30d"]) == 0
    central(centre, "orders", "--send")
    centre.eventually(lambda: not listed(centre, capsys), "both learned the next key")
    assert order(centre, "main/gate-1", "restrict", person) == 0
    assert gates[0].matched() == ()
    assert authority_key.load(centre.root) != old
    assert main(["central", "audit", str(centre.root)]) == 0


def test_hostile_orders_change_nothing(centre, gates, stranger_key):
    person = new_person_id()
    gates[0].enrol(person)
    publisher = gates[0].publisher
    now = datetime.now(UTC)
    text = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    later = now.replace(year=now.year + 1).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = {
        "v": 1, "id": "c" * 32, "site": "main", "terminals": "*", "sequence": 1, "issued": text,
        "expires": text[:-2] + "9Z", "order": "erase", "person": person, "reason": "requested",
    }  # fmt: skip
    key = authority_key.load(centre.root)

    def sealed(signer, kind: str = Order.PAYLOAD_TYPE, **changes: object) -> bytes:
        return dsse.to_wire(dsse.sign(kind, json.dumps({**document, **changes}).encode(), signer))

    forgeries = [
        sealed(stranger_key), sealed(centre.ledger_key), sealed(gates[1].terminal.key),
        sealed(key), sealed(key, expires=later), sealed(key, terminals=["gate-2"]), sealed(key, site="other"),
        sealed(key, order="explode"), sealed(key, sequence=0), sealed(key, person="Ann"),
        sealed(key)[:-30], sealed(key, kind="application/vnd.smartclocker.command+json"),
    ]  # fmt: skip
    hostile = centre.neighbour("ledger")
    for forgery in forgeries:
        hostile.publish(topics.command(gates[0].terminal.origin), forgery)
    centre.eventually(lambda: publisher.counters.commands_rejected == len(forgeries), "each is counted")
    assert publisher.counters.commands == 0
    assert gates[0].matched() == (person,)
    assert order(centre, "main/gate-1", "under-age", person) == 0, "the genuine one is still taken"
    assert gates[0].matched() == ()


def test_what_cannot_be_ordered_says_why_and_nothing_is_kept(centre, gates, capsys):
    for words, cure in (
        (("main/gate-9", "restrict", "a" * 26), "central terminals"),
        (("nowhere/*", "restrict", "a" * 26), "central terminals"),
        (("main/gate-1", "erase", "a" * 26), "--reason"),
        (("main/gate-1", "erase"), "PERSON"),
        (("main/gate-1", "restrict", "Ann Example"), "person"),
        (("main/gate-1", "employment-ended", "a" * 26, "--at", "2026-12-31"), "offset"),
        (("main/gate-1", "restrict", "a" * 26, "--request", "9"), "central rights list"),
        (("main/gate-1", "restrict", "a" * 26, "--valid", "93d"), "92 days"),
        (("main/gate-1", "release-evidence", "a" * 26), "--record, --ground"),
        (("main/gate-1", "release-evidence", "a" * 26, "--record", "x", "--ground", "dispute"), "records"),
        (("main/gate-1", "delete-evidence"), "--everybody"),
        (("main/gate-1", "delete-evidence", "a" * 26, "--everybody"), "--everybody"),
    ):
        assert order(centre, *words) in {65, 74}
        assert cure in capsys.readouterr().err
    assert listed(centre, capsys, "--all") == []


def say_consent(gate: Gate, person: str, policy: Policy, state: str = "given") -> None:
    said = {"person": person, "state": state, "policy_version": policy.version, "policy_sha256": policy.sha256}
    with gate.terminal.journal() as journal:
        journal.append(Draft(Kind.CONSENT, said, WallClock().evidence()))
    gate.publisher.wake()


def answered(installation, capsys) -> tuple[int, dict]:
    capsys.readouterr()
    code = main(["central", "rights", "policy", str(installation.root), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_centre_shows_who_has_not_answered_to_a_new_policy(centre, gates, capsys, tmp_path: Path):
    ann, bob, cid, dot = (new_person_id() for _ in range(4))
    for person in (ann, bob, cid, dot):
        say_consent(gates[0], person, POLICY)
    say_consent(gates[1], cid, POLICY, "withdrawn")
    with gates[0].terminal.journal() as journal:
        erased = {"person": dot, "reason": "requested", "templates": 3}
        journal.append(Draft(Kind.ERASED, erased, WallClock().evidence()))
    centre.eventually(lambda: len(answered(centre, capsys)[1]["people"]) == 3, "stored")
    code, before = answered(centre, capsys)
    assert (code, before["policy"]) == (0, None)

    gates[1].stop()
    text = tmp_path / "policy.md"
    text.write_text("The second policy.\n")
    order(centre, "main/*", "policy", "--text", str(text), "--version", "2026-2", "--consent-again", wait="3s")
    centre.eventually(lambda: [row["terminal"] for row in listed(centre, capsys)] == ["gate-2"], "the other obeyed")
    code, after = answered(centre, capsys)
    assert code == 1
    assert after["terminals"] == {"main/gate-1": "done", "main/gate-2": "owed"}
    stands = {one["person"]: one["answer"] for one in after["people"]}
    assert stands == {ann: "owed", bob: "owed", cid: "withdrawn"}

    second = Policy("2026-2", hashlib.sha256(text.read_bytes()).hexdigest())
    gates[1].run()
    central(centre, "orders", "--send")
    for person in (ann, bob):
        say_consent(gates[0], person, second)
    centre.eventually(lambda: answered(centre, capsys)[0] == 0, "everybody answered")
    assert {one["answer"] for one in answered(centre, capsys)[1]["people"]} == {"agreed", "withdrawn"}
