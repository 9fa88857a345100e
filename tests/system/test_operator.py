"""Who acted by hand at a terminal, by the real command line: signed records name a number, never a name."""

import contextlib
import io
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jsonschema import Draft202012Validator

from edge.adapters.linux import login_uid
from edge.cli import main
from edge.crypto.key_files import create_identity, public_pem
from tests.support.schemas import REGISTRY, SCHEMAS

# Long enough that no clock reading or random id holds them by chance.
BADGE, STAFF = "0PLANTED4711993", "77001880660029915"
CONSENTS = ("--witness", "Wanda Witness", "--consent", "--age-13-or-older", "--employer-agreed")
ADDED = ("--change", "added", "--direction", "in", "--at", "2026-03-02T07:58:00.000Z", "--reason", "forgotten",
         "--worker", "asked", "--employer", "agrees")  # fmt: skip
Act = Callable[..., None]


def login() -> str:
    """Read without ours: who logged in, else who called sudo, else who runs this."""
    try:
        found = Path("/proc/self/loginuid").read_text().strip()
    except OSError:
        found = "4294967295"
    return f"uid:{os.environ.get('SUDO_UID') or os.getuid()}" if found == "4294967295" else f"uid:{found}"


@pytest.fixture
def act(site, monkeypatch: pytest.MonkeyPatch) -> Act:
    def act(*words: object, typed: str = "", code: int = 0) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert main([*map(str, words), "--config", str(site.config)]) == code, words

    return act


def payloads(journal: Path) -> list[bytes]:
    """By plain SQL, each verified with another library by what docs/protocol.md says."""
    public = load_pem_public_key((journal.parent.parent / "identity.pem").read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    with contextlib.closing(sqlite3.connect(journal)) as db, db:
        rows = db.execute("SELECT payload, signature FROM records ORDER BY seq").fetchall()
    for payload, signature in rows:
        public.verify(signature, b"DSSEv1 28 application/cloudevents+json %d %s" % (len(payload), payload))
    return [payload for payload, _ in rows]


def said(journal: Path) -> list[tuple[str, str | None, str | None, str | None]]:
    """(kind, a result's command, about whom, by whom) of each record; each fits its schema."""
    found = []
    for payload in payloads(journal):
        event = json.loads(payload)
        kind, data = event["type"].split(".")[1], event["data"]
        assert Draft202012Validator(SCHEMAS[f"record-{kind}"], registry=REGISTRY).is_valid(event)
        found.append((kind, data.get("command"), data.get("person"), data.get("by")))
    return found


@pytest.mark.parametrize("given", [None, "4711"])
def test_every_act_by_hand_names_who_did_it(
    site, act: Act, photos: Path, tmp_path: Path, capsys, given: str | None
) -> None:
    who = () if given is None else ("--operator", given)
    by = given or login()
    act("enrol", "Ann Example", photos / "obama.jpg", *CONSENTS, *who)
    ann = capsys.readouterr().out.split()[1]
    act("people", "add", "Bob Example", "--age-13-or-older", *who)
    bob = capsys.readouterr().out.split()[1].rstrip(":")
    centre = create_identity(tmp_path / "roster")
    (tmp_path / "roster.pem").write_text(public_pem(centre.verify_key))
    act("people", "restrict", ann, *who)
    act("people", "unrestrict", ann, *who)
    act("people", "rectify", ann, "Ann Right", *who)
    act("people", "access", ann, "--to", tmp_path / "hers", *who)
    act("people", "badge", bob, *who, typed=BADGE)
    act("people", "badge", bob, "--take", *who)
    act("people", "number", bob, *who, typed=STAFF)
    act("people", "pin", bob, "--generate", *who)
    act("people", "badge", bob, *who, typed=BADGE)
    act("people", "supervisor", bob, "on", "--staff-number", "4712", *who)
    act("people", "supervisor", bob, "off", *who)
    act("people", "pin", bob, "--take", *who)
    act("people", "agree", ann, *CONSENTS, *who)
    act("people", "export", ann, "--to", tmp_path / "roster.pem", "--out", tmp_path / "ann.scp", *who)
    act("evidence", "delete", "--person", ann, *who)
    act("evidence", "delete", "--everybody", *who)
    act("journal", "correct", "--person", ann, *ADDED, *who)
    act("people", "withdraw", ann, *who)
    act("people", "erase", bob, "--reason", "requested", *who)
    result = "command-result"
    assert said(site.journal) == [
        ("consent", None, ann, by), ("enrolled", None, ann, by), (result, "add", bob, by),
        ("restricted", None, ann, by), ("restricted", None, ann, by), (result, "rectify", ann, by),
        (result, "access", ann, by), (result, "badge", bob, by), (result, "badge", bob, by),
        (result, "number", bob, by), (result, "pin", bob, by), (result, "badge", bob, by),
        (result, "supervisor", bob, by), (result, "supervisor", bob, by), (result, "pin", bob, by),
        ("consent", None, ann, by),
        (result, "export", ann, by), (result, "delete-evidence", ann, by), (result, "delete-evidence", None, by),
        ("correction", None, ann, by), ("consent", None, ann, by), ("erased", None, bob, by),
    ]  # fmt: skip
    assert main(["journal", "verify", "--config", str(site.config)]) == 0
    for name in (b"Example", b"Right", b"Wanda", BADGE.encode(), STAFF.encode()):
        assert name not in b"".join(payloads(site.journal))


def test_sudo_and_su_do_not_hide_who_logged_in(site, enrol, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", "1234")
    enrol(site, "obama.jpg")
    assert {by for *_, by in said(site.journal)} == {login()}


@pytest.mark.parametrize("name", ["Ada", "ada", "j-smith", "J. Smith 1", "root", "ada1@hq", "uid:0", "1" * 33, ""])
def test_a_name_is_refused_before_anything_is_done_and_not_repeated(site, act: Act, capsys, name: str) -> None:
    with pytest.raises(SystemExit) as refused:
        act("people", "add", "Bob Example", "--age-13-or-older", "--operator", name)
    assert refused.value.code == 2
    told = capsys.readouterr().err
    assert "a staff number, not a name" in told
    assert not name or name not in told.split("error:")[1]
    assert not site.journal.exists() or payloads(site.journal) == []


def test_a_login_with_a_digit_in_it_is_a_name(act: Act, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(login_uid, "is_login_name", lambda word: word == "jsmith2")
    with pytest.raises(SystemExit):
        act("people", "add", "Bob Example", "--age-13-or-older", "--operator", "jsmith2")
    assert "no login of this machine" in capsys.readouterr().err


def test_what_was_not_handed_out_is_not_on_record(site, act: Act, enrol, tmp_path: Path) -> None:
    ann = enrol(site, "obama.jpg")
    (tmp_path / "there").mkdir()
    act("people", "access", ann, "--to", tmp_path / "there", code=74)
    act("people", "export", ann, "--to", site.public_key, "--out", tmp_path / "there", code=74)
    assert [kind for kind, *_ in said(site.journal)] == ["consent", "enrolled"]


def test_the_audit_shows_who_acted_at_which_terminal(site, act: Act, enrol, tmp_path: Path, capsys) -> None:
    centre, stick = tmp_path / "centre", tmp_path / "stick.scx"
    ann = enrol(site, "obama.jpg")
    act("people", "rectify", ann, "Ann Right", "--operator", "hr-7")
    act("people", "add", "Bob Example", "--age-13-or-older")
    act("journal", "export", stick, "--all")
    for verb, *words in (
        ("init", "--host", "127.0.0.1", "--site", "demo"),
        ("authority init",),
        ("register", "demo", "entrance-1", site.public_key),
        ("import", stick),
    ):
        assert main(["central", *verb.split(), str(centre), *map(str, words)]) == 0
    audit = ["central", "audit", str(centre), "--terminals"]
    capsys.readouterr()
    assert main([*audit, "--person", ann, "--json"]) == 0
    found = [(one["kind"], one["by"], one["order"]) for one in json.loads(capsys.readouterr().out)["records"]]
    assert found == [("consent", login(), None), ("enrolled", login(), None), ("command-result", "hr-7", None)]
    assert main(audit) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("entrance-1/")]
    for line, by in zip(lines, [login(), login(), "hr-7", login()], strict=True):
        assert f"  by {by}  " in line
        assert line.count(by) == 1, "said once"
