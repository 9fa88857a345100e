"""docs/protocol.md and its schemas against what the terminal really writes."""

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from nacl import bindings
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

import edge
from edge.crypto import dsse
from edge.crypto.key_files import create_identity, public_pem
from edge.domain.protocol import order, receipt, record_kinds, resend_command
from edge.domain.protocol.audit_entry import AuditEntry
from edge.domain.protocol.export_manifest import ExportManifest
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import MAX_PAYLOAD, Draft, Origin, decode
from edge.domain.protocol.record_kinds import Kind
from edge.domain.protocol.resend_command import Resend
from edge.domain.roster import messages
from edge.errors import RecordError
from edge.journal.export import export
from edge.journal.journal import Journal
from tests.support.clock import NOW
from tests.support.records import punch_data
from tests.support.schemas import DOCS, SCHEMAS, valid

PUNCH = punch_data(liveness="none")
DATA: dict[Kind, dict[str, Any]] = {
    Kind.PUNCH: PUNCH,
    Kind.SUPPRESSED: {**PUNCH, "duplicate_of": 1},
    Kind.CONSENT: {"person": "b" * 26, "state": "given", "policy_version": "2026-1", "policy_sha256": "c" * 64},
    Kind.ENROLLED: {"person": "b" * 26, "models": ["mobilefacenet-1"], "templates": 3},
    Kind.BOOT: {"version": "0.1.0", "models": []},
    Kind.ERASED: {"person": "b" * 26, "reason": "requested", "templates": 3},
    Kind.RESTRICTED: {"person": "b" * 26, "state": "objected"},
    Kind.CORRECTION: {
        "person": "a" * 26,
        "change": "amended",
        "corrects": f"door-1/{'d' * 32}/7",
        "direction": None,
        "at": "2026-03-01T08:00:00.000Z",
        "reason": "wrong-time",
        "worker": "asked",
        "employer": "agrees",
    },
    Kind.CLOCK_STEP: {
        "step_ms": -3_600_000,
        "before": "2026-03-01T09:00:00.000Z",
        "after": "2026-03-01T08:00:00.000Z",
        "synchronised_before": False,
        "synchronised_after": True,
    },
    Kind.GAP: {
        "previous_epoch": None,
        "previous_head": 0,
        "receipted": 0,
        "cause": "unreadable",
        "quarantine": "20260301-080000-unknown",
    },
    Kind.COMMAND_RESULT: {"command_id": "e" * 32, "command": "resend", "outcome": "done", "detail": "3 records"},
    Kind.TAMPER: {"state": "opened"},
}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    key = create_identity(tmp_path / "identity.pem")
    (tmp_path / "public.pem").write_text(public_pem(key.verify_key))
    with Journal(tmp_path / "journal.db", Origin("hq", "door-1"), key) as opened:
        yield opened


@pytest.fixture
def written(journal: Journal) -> dict[Kind, dict[str, Any]]:
    """A real payload of each kind."""
    return {kind: json.loads(journal.append(Draft(kind, data, NOW)).payload) for kind, data in DATA.items()}


def test_every_kind_with_rules_has_a_schema_a_section_and_an_example_here() -> None:
    page = (DOCS / "protocol.md").read_text()
    assert set(record_kinds.FIELDS) == set(DATA)
    others = {"record", "receipt", "command", "order", "export", "envelope", "enrolment"}
    others |= {f"roster-{name}" for name in ("key", "person", "member", "page", "manifest")}
    assert {f"record-{kind}" for kind in DATA} | others == set(SCHEMAS)
    for kind in Kind:
        assert f"**{kind}**:" in page if kind in DATA else f"`{kind}`" in page
    for kind, checks in record_kinds.FIELDS.items():
        data, besides = SCHEMAS[f"record-{kind}"]["properties"]["data"], record_kinds.OPTIONAL.get(kind, {})
        assert set(checks) == set(data["required"])
        assert set(checks) | set(besides) == set(data["properties"])
        assert all(f"`{field}`" in page for field in (*checks, *besides))


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("kind", DATA)
def test_real_records_match_their_schema_and_no_others(written: dict[Kind, dict[str, Any]], kind: Kind) -> None:
    for other in DATA:
        assert valid(f"record-{other}", written[kind]) is (other is kind)
    assert valid("record", written[kind])


def test_a_punch_whose_direction_nothing_vouched_for_says_true_or_nothing(journal: Journal) -> None:
    assumed = journal.append(Draft(Kind.PUNCH, {**PUNCH, "direction_assumed": True}, NOW))
    event = json.loads(assumed.payload)
    assert valid("record-punch", event)
    for value in (False, None, "true", 1):
        event["data"]["direction_assumed"] = value
        assert not valid("record-punch", event)
        with pytest.raises(RecordError, match="direction_assumed is malformed"):
            decode(json.dumps(event).encode())


@pytest.mark.parametrize("kind", [kind for kind, besides in record_kinds.OPTIONAL.items() if "by" in besides])
def test_who_acted_by_hand_may_stand_in_a_record_and_a_name_may_not(journal: Journal, kind: Kind) -> None:
    for by in ("uid:0", "uid:1000", "4711", "hr-2"):
        written = journal.append(Draft(kind, {**DATA[kind], "by": by}, NOW))
        assert valid(f"record-{kind}", json.loads(written.payload))
    without = json.loads(journal.append(Draft(kind, DATA[kind], NOW)).payload)
    for by in (None, "", "ada", "Ada L.", "j-smith", "uid:ada", "uid:-1", "uid:01", "uid:1\n", "4711\n", "uid:١",
               "-1", "a1/b", "1" * 33, "uid:12345678901", 0, 1000, True, 0.5, [], ["uid:0"], {}):  # fmt: skip
        event = {**without, "data": {**without["data"], "by": by}}
        with pytest.raises(RecordError, match="by is malformed"):
            decode(json.dumps(event).encode())
        assert not valid(f"record-{kind}", event), by


def test_a_consent_says_what_it_was_given_to_and_before_whom(journal: Journal) -> None:
    given = {"language": "pt-BR", "witnessed": True, "age_attested": True, "employer_agreed": True}
    event = json.loads(journal.append(Draft(Kind.CONSENT, {**DATA[Kind.CONSENT], **given}, NOW)).payload)
    assert valid("record-consent", event)
    wrong = [(flag, value) for flag in list(given)[1:] for value in (False, None, 1, "true", [])]
    wrong += [("language", value) for value in (None, "", "english", "en\n", "en-" + "a" * 9, "en" + "-ab" * 8, 1)]
    for field, value in wrong:
        other = {**event, "data": {**event["data"], field: value}}
        with pytest.raises(RecordError, match=f"{field} is malformed"):
            decode(json.dumps(other).encode())
        assert not valid("record-consent", other), (field, value)


def test_the_result_of_an_act_by_hand_may_say_about_whom(journal: Journal) -> None:
    kind = Kind.COMMAND_RESULT
    event = json.loads(journal.append(Draft(kind, {**DATA[kind], "person": "a" * 26}, NOW)).payload)
    assert valid(f"record-{kind}", event)
    for person in (None, "", "Ada", "A" * 26, "a" * 27, 1, [], {}):
        event["data"]["person"] = person
        with pytest.raises(RecordError, match="person is malformed"):
            decode(json.dumps(event).encode())
        assert not valid(f"record-{kind}", event), person


def test_every_payload_type_of_the_wire_is_one_of_the_envelopes() -> None:
    """Whatever a module of the domain calls its type; the audit log's entries never travel."""
    found = set()
    for path in sorted((Path(edge.__file__).parent / "domain").rglob("*.py")):
        found |= set(re.findall(r'^ *[A-Z_]*TYPE = "(application/[^"]+)"', path.read_text(), re.MULTILINE))
    assert len(found) > 10
    listed = SCHEMAS["envelope"]["properties"]["payloadType"]["enum"]
    assert set(listed) == found - {AuditEntry.PAYLOAD_TYPE}
    assert len(listed) == len(set(listed))


def test_an_envelope_of_each_type_at_its_full_size_matches() -> None:
    key = SigningKey(bytes(32))
    most = max(MAX_PAYLOAD, messages.MAX_PAYLOAD)
    for name in SCHEMAS["envelope"]["properties"]["payloadType"]["enum"]:
        wire = dsse.to_wire(dsse.sign(name, b"x" * most, key))
        assert len(wire) <= dsse.MAX_ENVELOPE
        assert valid("envelope", json.loads(wire)), name
    too_long = {**json.loads(wire), "payload": "A" * 32_004}
    assert not valid("envelope", too_long)
    assert not valid("envelope", {**json.loads(wire), "payloadType": AuditEntry.PAYLOAD_TYPE})


def test_real_envelopes_and_receipts_match_theirs(journal: Journal) -> None:
    stored = journal.append(Draft(Kind.PUNCH, PUNCH, NOW))
    assert valid("envelope", json.loads(journal.envelopes(0, 1)[0].wire))
    payload = receipt.Receipt(journal.origin, journal.epoch, 1, stored.hash, "2026-03-01T08:00:01.000Z").encode()
    assert valid("receipt", json.loads(payload))
    signed = dsse.sign(Receipt.PAYLOAD_TYPE, payload, journal._key)
    assert valid("envelope", json.loads(dsse.to_wire(signed)))


RESEND = resend_command.Resend(
    "c" * 32, Origin("hq", "door-1"), "2026-03-01T08:00:00.000Z", "2026-03-01T09:00:00.000Z", "e" * 32, 7, 9
)


def test_real_commands_match_their_schema_and_their_section() -> None:
    document = json.loads(RESEND.encode())
    assert valid("command", document)
    assert set(SCHEMAS["command"]["required"]) == set(document)
    (section,) = re.findall(r"\n## Commands\n(.*?)\n## ", (DOCS / "protocol.md").read_text(), re.DOTALL)
    assert all(f"`{field}`" in section for field in document)
    assert f"{resend_command.MAX_RANGE:,} at most" in section
    assert Resend.PAYLOAD_TYPE in section


@pytest.mark.parametrize("name", json.loads(RESEND.encode()))
def test_what_a_terminal_refuses_of_a_command_the_schema_refuses(name: str) -> None:
    for value in (None, "", "x\ny", -1, 0, 0.5, 2**60, True, [], {}, "Erase", "A" * 32):
        document = {**json.loads(RESEND.encode()), name: value}
        with pytest.raises(RecordError):
            Resend.decode(json.dumps(document).encode())
        assert not valid("command", document)


ORDER = order.Order(
    "c" * 32, "hq", ("door-1",), 7, "2026-03-01T08:00:00.000Z", "2026-04-01T08:00:00.000Z", Word.WITHDRAW, {}
)
KEY64 = base64.b64encode(bytes(32)).decode()
CARRIED: dict[Word, dict[str, Any]] = {
    Word.WITHDRAW: {"person": "a" * 26},
    Word.ERASE: {"person": "a" * 26, "reason": "requested"},
    Word.RESTRICT: {"person": "a" * 26},
    Word.UNRESTRICT: {"person": "a" * 26, "lifts": "objection"},
    Word.OBJECT: {"person": "a" * 26},
    Word.RECTIFY: {"person": "a" * 26, "name": base64.b64encode(bytes(60)).decode()},
    Word.ACCESS: {"person": "a" * 26, "reply_key": KEY64},
    Word.POLICY: {"version": "2", "sha256": "b" * 64, "text": "The policy.", "consent_again": False},
    Word.EMPLOYMENT_ENDED: {"person": "a" * 26, "at": "2026-12-31T23:00:00.000Z"},
    Word.EMPLOYMENT_CONTINUES: {"person": "a" * 26},
    Word.UNDER_AGE: {"person": "a" * 26},
    Word.RELEASE_EVIDENCE: {"person": "a" * 26, "records": [f"door-1/{'d' * 32}/7"], "ground": "dispute"},
    Word.DELETE_EVIDENCE: {"whose": "*"},
    Word.ENROL: {
        "person": "a" * 26,
        "policy_version": "2",
        "policy_sha256": "b" * 64,
        "witness": "4711",
        "employer_agreed": True,
    },
    Word.ROTATE: {"key": KEY64, "from": "2026-03-01T00:00:00.000Z", "until": "2026-04-01T00:00:00.000Z"},
}


@pytest.mark.parametrize("word", Word)
def test_real_orders_match_their_schema_and_their_section(word: Word) -> None:
    document = json.loads(replace(ORDER, word=word, fields=CARRIED[word]).encode())
    assert valid("order", document)
    assert valid("order", {**document, "terminals": "*"})
    (section,) = re.findall(r"\n## Orders\n(.*?)\n## ", (DOCS / "protocol.md").read_text(), re.DOTALL)
    assert all(f"`{field}`" in section for field in document)
    assert f"| `{word}` |" in section
    assert Order.PAYLOAD_TYPE in section
    assert f"{order.MAX_LIFETIME.days} days" in section
    for name in document:
        for value in (None, "", 0, 0.5, 2**60, [], {}, ["x", "x"], "\n"):
            wrong = {**document, name: value}
            if name == "text" and value == "\n":
                continue  # a text may be of any characters
            with pytest.raises(RecordError):
                Order.decode(json.dumps(wrong).encode())
            assert not valid("order", wrong), (name, value)
        del (lacking := dict(document))[name]
        assert not valid("order", lacking)


def test_real_exports_are_as_the_page_says(journal: Journal, tmp_path: Path) -> None:
    """Read with nothing of ours."""
    journal.append(Draft(Kind.PUNCH, PUNCH, NOW))
    written = export(journal.path, journal._key, tmp_path / "out.scx", created="2026-03-01T09:00:00.000Z")
    assert written is not None
    content = written.path.read_bytes()
    header, record, last = content.splitlines()
    assert list(json.loads(header)) == ["smartclocker-export", "site", "terminal", "epoch", "keyid", "receipted"]
    payload = base64.b64decode(json.loads(last)["payload"])
    manifest = json.loads(payload)
    assert valid("envelope", json.loads(record))
    assert valid("envelope", json.loads(last))
    assert valid("export", manifest)
    assert manifest["sha256"] == hashlib.sha256(content[: -len(last) - 1]).hexdigest()
    key = VerifyKey(base64.b64decode(manifest["key"]))
    kind = json.loads(last)["payloadType"].encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key.verify(pae, base64.b64decode(json.loads(last)["signatures"][0]["sig"]))
    page = (DOCS / "protocol.md").read_text()
    assert kind.decode() in page
    assert all(f"`{field}`" in page for field in manifest)
    for field in manifest:
        assert not valid("export", {**manifest, field: None})
        with pytest.raises(RecordError):
            ExportManifest.decode(json.dumps({**manifest, field: None}).encode())


def test_a_sealed_export_opens_as_the_page_says(journal: Journal, tmp_path: Path) -> None:
    """Read with libsodium alone."""
    for _ in range(150):  # more than one message
        journal.append(Draft(Kind.PUNCH, PUNCH, NOW))
    plain, sealed = tmp_path / "plain.scx", tmp_path / "sealed.scx"
    ledger = SigningKey.generate()
    export(journal.path, journal._key, plain, created="2026-03-01T09:00:00.000Z")
    export(journal.path, journal._key, sealed, created="2026-03-01T09:00:00.000Z", seal_to=ledger.verify_key)
    line, rest = sealed.read_bytes().split(b"\n", 1)
    first = json.loads(line)
    assert (first["smartclocker-sealed"], first["to"]) == (1, dsse.key_id(ledger.verify_key))
    key = SealedBox(ledger.to_curve25519_private_key()).decrypt(base64.b64decode(first["key"]))
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, base64.b64decode(first["header"]), key)
    text, tags = b"", []
    for at in range(0, len(rest), 65_536 + 17):
        part, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, rest[at : at + 65_536 + 17], line)
        text += part
        tags.append(tag)
    assert text == plain.read_bytes()
    assert (tags[-1], set(tags[:-1])) == (bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL, {0})


def wrong_values() -> Iterator[tuple[tuple[str, ...], object]]:
    for place in (("specversion",), ("id",), ("source",), ("type",), ("time",), ("data",), ("data", "epoch"),
                  ("data", "seq"), ("data", "prev"), ("data", "time"), *(("data", name) for name in PUNCH),
                  *(("data", "time", name) for name in ("utc", "offset_minutes", "zone", "boot_id", "boottime_ms",
                                                        "synchronised"))):  # fmt: skip
        for value in (None, "", "x\ny", -1, 0.5, 2**60, [], ["\n"], {}, "DROP"):
            yield place, value


@pytest.mark.parametrize(("place", "value"), list(wrong_values()), ids=repr)
def test_what_the_reader_refuses_for_its_form_the_schema_refuses(
    written: dict[Kind, dict[str, Any]], place: tuple[str, ...], value: object
) -> None:
    event = json.loads(json.dumps(written[Kind.PUNCH]))
    target = event
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = value
    try:
        decode(json.dumps(event).encode())
        accepted = True
    except RecordError:
        accepted = False
    assert valid("record-punch", event) is accepted


def test_the_hello_world_of_the_page_is_ours() -> None:
    page = (DOCS / "protocol.md").read_text()
    encoded = dsse.pae("http://example.com/HelloWorld", b"hello world").decode()
    assert f"`{encoded}`" in page


@pytest.fixture
def snippet() -> str:
    """The page's shell commands."""
    (block,) = re.findall(r"```sh\n(.*?)```", (DOCS / "protocol.md").read_text(), re.DOTALL)
    return str(block)


@pytest.fixture
def shell(tmp_path: Path, snippet: str) -> Callable[[], "subprocess.CompletedProcess[str]"]:
    return lambda: subprocess.run(
        ["sh", "-e", "-c", snippet], cwd=tmp_path, capture_output=True, text=True, check=False
    )


def test_the_commands_of_the_page_verify_a_record(journal: Journal, tmp_path: Path, shell: Callable) -> None:
    stored = journal.append(Draft(Kind.PUNCH, {**PUNCH, "note": 'Zoë "q" \\ \n'}, NOW))
    path = tmp_path / "envelope.json"
    path.write_bytes(journal.envelopes(0, 1)[0].wire)
    done = shell()
    assert done.returncode == 0, done.stderr
    assert "Verified Successfully" in done.stdout
    assert (tmp_path / "payload.json").read_bytes() == stored.payload
    document = json.loads(path.read_text())
    document["payload"] = document["payload"][:-8] + "AAAA" + document["payload"][-4:]
    path.write_text(json.dumps(document, separators=(",", ":")))
    assert shell().returncode != 0


def test_every_counter_of_the_status_is_named() -> None:
    """Those of the publisher, and what each source of the status names in its `counters`."""
    import ast
    import re
    from dataclasses import fields
    from pathlib import Path

    from edge.terminal.uplink.counters import Counters

    root = Path(__file__).resolve().parents[2]
    (row,) = re.findall(r"^\| `counters` \| (.*)$", (root / "docs/protocol.md").read_text(), re.MULTILINE)
    said = set(re.findall(r"`(\w+)", row))
    added = {
        key.value
        for path in (root / "edge/terminal").rglob("*.py")
        for part in ast.walk(ast.parse(path.read_text()))
        if isinstance(part, ast.FunctionDef) and part.name == "counters"
        for made in ast.walk(part)
        if isinstance(made, ast.Dict)
        for key in made.keys
        if isinstance(key, ast.Constant)
    }
    counted = {field.name for field in fields(Counters)}
    assert {"punches", "lockouts", "evicted", "people_unreadable", "frames", "policy", "uplink_faults"} <= added
    assert added | counted <= said
