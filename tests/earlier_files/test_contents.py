"""What the version before wrote is read by today's program as that version read it, file by file."""

import base64
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from nacl.public import PrivateKey

from edge import config
from edge.central.authority import access_reports, authority_key
from edge.central.authority.audit import check
from edge.central.authority.register import OrderRegister
from edge.central.broker import issued_certificates
from edge.central.ledger.recheck import verify_all
from edge.central.ledger.terminal_claims import claims
from edge.central.roster.store import RosterStore
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto import dsse
from edge.crypto.key_files import load_identity, load_public, load_sealing, load_secret
from edge.domain.people.consent import Policy
from edge.domain.people.credentials import Token
from edge.domain.roster import messages
from edge.domain.roster.topics import TopicPart, place_of
from edge.evidence_images.sealed_image import open_sealed
from edge.evidence_images.store import opened
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal
from edge.journal.quarantine import ensure_usable
from edge.journal.verify_export import verify_export
from edge.people.people_store import People
from edge.people.roster.state import MANIFEST, RosterState
from edge.terminal import installed
from edge.terminal.attendance import site_threshold
from edge.terminal.orders.authority_keys import Authority
from tests.earlier_files.opening import AT, FILES, KEYS, ORIGIN, digests


def closing(root: Path, name: str) -> Any:
    return FILES[name].open(root)


def test_configuration_and_keys_are_read(earlier: Path) -> None:
    loaded = config.load(earlier / "terminal/config.toml")
    assert len(loaded.given) == 47
    assert loaded.config.terminal.name == "gate-1"
    secrets = installed.load_secrets(loaded.config)
    assert len(secrets.storage) == 32
    assert secrets.identity.verify_key == load_public(earlier / "terminal/identity.pem")
    assert load_identity(earlier / "central/ledger.key").verify_key == load_public(earlier / "terminal/ledger.pem")
    evidence = load_secret(earlier / "transfer/evidence")
    assert PrivateKey(evidence).public_key == load_sealing(earlier / "terminal/evidence.pem")


def test_people_are_who_they_were(earlier: Path, contents: Any) -> None:
    persons = contents["persons"]
    with People(
        earlier / "terminal/state/people.db", load_secret(earlier / "terminal" / KEYS / "storage")
    ) as people:
        assert {one.id: one.name for one in people.list()} == contents["names"]
        now = {one.id: {name: str(value) for name, value in asdict(one).items()} for one in people.list()}
        assert {
            person: {name: now[person][name] for name in was} for person, was in contents["people"].items()
        } == (contents["people"])
        assert people.credentials.whose(Token.BADGE, contents["badge"]) == persons["badge"]
        assert people.credentials.whose(Token.NUMBER, contents["number"]) == persons["badge"]
        assert people.credentials.proves(persons["badge"], contents["pin"])
        assert people.member(persons["face"]).templates
        erased = {persons["erased"], persons["left"]}
        assert not erased & people.remaining()
        kept = {persons[name] for name in ("face", "badge", "brought")}
        assert kept <= people.remaining()
        for person in erased:
            assert people.judge(person, people.member(persons["brought"]), Policy("2026-11", "0" * 64)) is not None


def test_orders_taken_owed_and_put_off_stay_so(earlier: Path, contents: Any) -> None:
    with People(
        earlier / "terminal/state/people.db", load_secret(earlier / "terminal" / KEYS / "storage")
    ) as people:
        assert all(people.orders.known(order) for order in contents["orders"])
        assert [entry.id for entry in people.outbox.pending()] == contents["owed"]
        assert [[entry.id, entry.due] for entry in people.orders.kept()] == contents["kept"]
        pinned = load_public(earlier / "terminal/authority.pem")
        keys = Authority(pinned, people.orders).keys("2026-11-27T13:00:00.000Z")
        now = authority_key.load(earlier / "central").verify_key
        assert set(keys) == {dsse.key_id(pinned), dsse.key_id(now)}


def test_records_and_their_receipt_are_the_same(earlier: Path, contents: Any) -> None:
    identity = load_identity(earlier / "terminal" / KEYS / "identity")
    path = earlier / "terminal/state/journal.db"
    assert ensure_usable(path, ORIGIN, identity, lambda: AT) is None, "with no last-seen file, which it never wrote"
    with Journal(path, ORIGIN, identity) as journal:
        wires = [one.wire for one in journal.envelopes(0, 1_000)]
        assert [hashlib.sha256(wire).hexdigest() for wire in wires] == contents["records"]
        assert (journal.epoch, journal.watermark()) == (contents["epoch"], contents["watermark"])
    assert main(["journal", "verify", "--config", str(earlier / "terminal/config.toml")]) == 0


def test_what_a_power_cut_left_in_the_write_ahead_files_is_kept(earlier: Path, contents: Any) -> None:
    keys = earlier / "terminal" / KEYS
    with Journal(earlier / "cut/journal.db", ORIGIN, load_identity(keys / "identity")) as journal:
        assert journal.head().seq == len(contents["records"]) + 1
    with People(earlier / "cut/people.db", load_secret(keys / "storage")) as people:
        names = [one.name for one in people.list()]
    assert "Only In The Write-Ahead File" in names
    assert len(names) == len(contents["names"]) + 1


def test_a_journal_that_was_set_aside_is_recovered(earlier: Path, tmp_path: Path) -> None:
    folder = next((earlier / "set-aside/quarantine").iterdir())
    before = digests(folder)
    (tmp_path / "stick").mkdir()
    words = [str(folder), str(tmp_path / "stick"), "--config", str(earlier / "terminal/config.toml")]
    assert main(["journal", "recover", *words]) in {0, 65}
    assert digests(folder) == before
    exports = list((tmp_path / "stick").iterdir())
    assert exports
    assert main(["central", "import", str(earlier / "central"), *map(str, exports)]) == 0
    identity = load_identity(earlier / "terminal" / KEYS / "identity")
    assert ensure_usable(earlier / "set-aside/journal.db", ORIGIN, identity, lambda: AT) is None
    with Journal(earlier / "set-aside/journal.db", ORIGIN, identity) as journal:
        assert journal.head().seq == 1


def test_the_roster_is_where_it_was(earlier: Path, contents: Any) -> None:
    state = RosterState(earlier / "terminal/state/roster.db")
    assert state.anew is None
    assert {person: asdict(row) for person, row in state.rows().items()} == contents["roster"]
    manifest = state.mark(MANIFEST)
    assert manifest is not None
    assert manifest.version == contents["roster_version"]
    state.close()


def test_an_image_opens_with_the_employers_key(earlier: Path, contents: Any) -> None:
    record = contents["image_of"]
    with opened(earlier / "terminal/state/evidence.db", AT) as store:
        assert store is not None
        assert [(one.record, one.person) for one in store.stills()] == [(record, contents["persons"]["face"])]
        sealed = store.sealed(record)
    assert base64.b64encode(sealed).decode() == contents["image"]
    image = open_sealed(sealed, PrivateKey(load_secret(earlier / "transfer/evidence")))
    assert (image.record, image.person) == (record, contents["persons"]["face"])


def test_the_sites_threshold_and_counts_are_in_force(earlier: Path) -> None:
    loaded = config.load(earlier / "terminal/config.toml").config
    model = installed.model_store(loaded).template.id
    state = earlier / "terminal/state"
    site = site_threshold.SiteThreshold(state, model)
    assert site.changed()
    assert (site.shift, site.ignored) == (-0.01, False)
    book = site_threshold.scores(state, model)
    assert (sum(book.own), sum(book.next), sum(book.confirmed), book.people) == (120, 80, 40, 2_000)


def test_the_reserve_of_the_disk_is_taken_over(earlier: Path) -> None:
    path = earlier / "terminal/state/journal.reserve"
    held = path.stat().st_size
    assert Reserve(earlier / "terminal/state/journal.db", 8_000_000).fit()
    assert path.stat().st_size == held


def test_exports_and_receipts_are_taken(earlier: Path, contents: Any, capsys: pytest.CaptureFixture[str]) -> None:
    transfer = earlier / "transfer"
    identity = load_public(earlier / "terminal/identity.pem")
    assert verify_export(transfer / "plain.scj", {dsse.key_id(identity): identity}).problem is None
    files = [str(transfer / name) for name in ("plain.scj", "sealed.scj")]
    assert main(["central", "import", str(earlier / "central"), *files]) == 0
    assert "2 stored" in capsys.readouterr().out
    words = ["journal", "receipt", str(transfer / "receipts"), "--config", str(earlier / "terminal/config.toml")]
    assert main(words) == 0
    assert f"receipted to {contents['watermark']}" in capsys.readouterr().out


def test_a_persons_export_says_not_when_it_was_made_and_is_refused_with_the_cure(
    earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older export that came late once undid a change. What the centre holds of the person stays."""
    words = ["--by", "tester", "--why", "a test"]
    file = str(earlier / "transfer/face.scp")
    assert main(["central", "roster", "add", str(earlier / "central"), file, *words]) == 65
    assert "export again there" in capsys.readouterr().out


def test_an_answer_that_waits_for_its_person_opens(earlier: Path, contents: Any) -> None:
    (sealed,) = (earlier / "terminal/state/access").glob("*.sealed")
    report = access_reports.read(sealed.read_bytes(), load_secret(earlier / "transfer/reply"))
    texts = access_reports.together([report])
    assert contents["persons"]["face"] in texts[0]


def test_the_ledger_holds_what_it_held(earlier: Path, contents: Any) -> None:
    with Store(earlier / "central/ledger.db") as store:
        assert store.count() == contents["ledger_records"]
        assert [report.problem for report in verify_all(store)] == [None]
        assert [(one.origin.terminal, one.revoked is None) for one in store.terminals()] == [
            ("gate-1", True),
            ("gate-2", False),
        ]
        claim = claims(store)[ORIGIN]
        assert (claim.epoch, claim.head, claim.alarms) == (
            contents["epoch"],
            len(contents["records"]),
            ("ring-80",),
        )
    for verb in ("verify", "punches", "terminals"):
        assert main(["central", verb, str(earlier / "central")]) == 0


def test_the_audit_log_verifies_and_the_orders_are_there(earlier: Path, contents: Any) -> None:
    with OrderRegister(earlier / "central/authority.db") as register:
        report = check(register, load_public(earlier / "central/authority.pem"))
        assert report.problem is None
        assert [[one.n, one.act, one.person] for one in report.entries] == contents["audit"]
        assert [[one.order.id, one.origin.terminal, one.times] for one in register.addressed()] == contents[
            "addressed"
        ]
    assert main(["central", "audit", str(earlier / "central")]) == 0
    assert main(["central", "rights", "list", str(earlier / "central")]) == 0


def test_the_centres_roster_has_its_members_and_messages(earlier: Path, contents: Any) -> None:
    store = RosterStore(earlier / "central")
    assert {person: row.gone for person, row in store.members("main").items()} == contents["members"]
    assert {one.id: one.name for one in store.people.list()} == contents["central_people"]
    keys = [load_public(earlier / "terminal/authority.pem")]
    decode: dict[TopicPart, Callable[[bytes], object]] = {
        TopicPart.KEY: messages.KeyMessage.decode,
        TopicPart.MANIFEST: messages.RosterManifest.decode,
        TopicPart.PAGE: messages.Page.decode,
        TopicPart.PERSON: messages.PersonMessage.decode,
    }
    parts = set()
    for topic, sent in store.messages("main").items():
        place, parsed = place_of(topic), dsse.parse(sent.wire)
        assert place is not None
        assert decode[place.part](dsse.verify(parsed, parsed.payload_type, {dsse.key_id(key): key for key in keys}))
        parts.add(place.part)
    assert parts == set(TopicPart)
    store.close()


def test_the_centres_configuration_is_brought_up_to_date(earlier: Path) -> None:
    centre = earlier / "central"
    pki = digests(centre / "pki")
    known = {one.name for one in issued_certificates.everything(centre / "pki")}
    assert known == {"localhost", "ledger", "authority", "gate-1"}, "although no list of them was kept"
    shutil.copy(centre / "mosquitto.conf", earlier / "mosquitto.conf")
    assert main(["central", "init", str(centre), "--host", "localhost", "--site", "main"]) == 0
    after = digests(centre / "pki")
    assert all(after[name] == pki[name] for name in pki if name.endswith(".key") or name.startswith("ca."))
    conf = (centre / "mosquitto.conf").read_text().splitlines()
    assert {"use_username_as_clientid true", "max_packet_size 36864", "max_queued_messages 5000"} <= set(conf)
    acl = (centre / "acl").read_text()
    assert "%u/record/+" not in acl
    assert "%u/record/punch" in acl


@pytest.mark.parametrize("name", ["config.toml", "state/calibration.json", "state/scores.json"])
def test_a_file_of_another_form_is_not_taken_for_one_of_ours(name: str, earlier: Path) -> None:
    path = earlier / "terminal" / name
    text = path.read_text()
    newer = {
        "config.toml": text + "\n[later]\nkey = 1\n",
        "state/calibration.json": text.replace('"calibration": 1', '"calibration": 2'),
        "state/scores.json": text.replace('"scorebook": 1', '"scorebook": 2'),
    }[name]
    assert newer != text
    path.write_text(newer)
    if name == "config.toml":
        with pytest.raises(config.ConfigError, match=r"later: unknown key"):
            config.load(path)
    else:
        state = earlier / "terminal/state"
        model = installed.model_store(config.load(earlier / "terminal/config.toml").config).template.id
        site = site_threshold.SiteThreshold(state, model)
        site.changed()
        assert site.ignored is (name == "state/calibration.json")
        assert (site_threshold.scores(state, model).people == 0) is (name == "state/scores.json")
    assert path.read_text() == newer
