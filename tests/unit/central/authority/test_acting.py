"""What `register`, `issue`, `revoke`, `init` and `acknowledge` do is one with its entry in the audit log."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.central.broker import issued_certificates, revocation_list
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto.dsse import key_id
from edge.crypto.key_files import create_identity, public_pem

WHY = ("--by", "Pat", "--why", "as the works council agreed")


def central(*words: object) -> int:
    try:
        return main(["central", *map(str, words)])
    except SystemExit as error:
        if error.code == 137:
            raise
        return int(error.code or 0)


class Centre:
    """DIR with an authority, one registered terminal and its certificate."""

    def __init__(self, root: Path, *, authority_too: bool = True) -> None:
        self.base = root / "centre"
        assert central("init", self.base, "--host", "broker.example", "--site", "main") == 0
        if authority_too:
            assert central("authority", "init", self.base, "--by", "Pat") == 0
        self.pem, self.keyid = self.identity("one")
        assert central("register", self.base, "main", "gate-1", self.pem) == 0
        assert central("issue", self.base, "gate-1") == 0

    def identity(self, name: str) -> tuple[Path, str]:
        path = self.base.parent / f"{name}.pem"
        key = create_identity(self.base.parent / name).verify_key
        path.write_text(public_pem(key))
        return path, key_id(key)

    def log(self) -> list[dict[str, object]]:
        with OrderRegister(self.base / authority_key.DB) as registry:
            return [{"act": one.act, "by": one.by, "why": one.why, **one.data} for one in registry.entries()]

    def state(self) -> object:
        with Store(self.base / "ledger.db") as store:
            terminals = store.terminals()
        pki = {path.name: path.read_bytes() for path in (self.base / "pki").iterdir()}
        return terminals, pki


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path)


ACTS = {
    "register": (lambda c: ("register", c.base, "main", "gate-2", c.identity("two")[0]), "identity-registered"),
    "issue": (lambda c: ("issue", c.base, "gate-2"), "certificate-issued"),
    "revoke": (lambda c: ("revoke", c.base, c.keyid), "identity-revoked"),
    "revoke-a-name": (lambda c: ("revoke", c.base, "gate-1"), "certificates-revoked"),
    "renew": (lambda c: ("init", c.base, "--renew"), "certificate-issued"),
}


@pytest.mark.parametrize("act", ACTS)
def test_each_act_is_in_the_log_with_who_and_why(centre: Centre, act: str) -> None:
    make, word = ACTS[act]
    before = len(centre.log())
    serials = {f"{one.serial:x}" for one in revocation_list.valid(centre.base / "pki", "gate-1")}
    former = {f"{one.serial:x}" for one in revocation_list.valid(centre.base / "pki", "ledger")}
    assert central(*make(centre), *WHY) == 0
    new = centre.log()[before:]
    assert {one["act"] for one in new} == {word}
    assert {(one["by"], one["why"]) for one in new} == {("Pat", "as the works council agreed")}
    assert not any("interrupted" in one for one in new)
    if act == "revoke":
        assert (new[0]["keyid"], set(new[0]["certificates"])) == (centre.keyid, serials)
    if act == "renew":
        assert [one["name"] for one in new] == ["server", "ledger", "authority"]
        assert set(new[1]["revoked"]) == former
    assert central("audit", centre.base) == 0


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_done_while_the_log_is_locked(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], act: str
) -> None:
    words = ACTS[act][0](centre)
    before = centre.state()
    monkeypatch.setattr("edge.storage.sqlite_file.BUSY_S", 0.2)
    with contextlib.closing(sqlite3.connect(centre.base / authority_key.DB, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        assert central(*words) == 74
        db.execute("ROLLBACK")
    assert "another process held it" in capsys.readouterr().err
    assert centre.state() == before


@pytest.mark.parametrize("act", ACTS)
def test_what_is_killed_after_it_was_done_is_on_record_after_the_next_command(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    make, word = ACTS[act]
    words, before = make(centre), centre.state()

    def killed(*_: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr(OrderRegister, "done", killed)
        with pytest.raises(SystemExit):
            central(*words, *WHY)
    assert centre.state() != before, "it was done"
    assert central("issue", centre.base, "gate-9") == 0
    told = [one for one in centre.log() if one.get("interrupted")]
    assert [(one["act"], one["why"]) for one in told] == [(word, "as the works council agreed")]


def test_what_is_refused_or_no_news_leaves_no_entry(centre: Centre) -> None:
    before = centre.log()
    assert central("register", centre.base, "main", "gate-1", centre.pem) == 0
    assert central("register", centre.base, "depot", "gate-1", centre.identity("two")[0]) != 0
    assert central("revoke", centre.base, "0" * 32) != 0
    assert central("revoke", centre.base, "nobody") != 0
    assert central("init", centre.base) == 0
    assert central("acknowledge", centre.base, "main/gate-1", "e" * 16, "--why", "looked") != 0
    assert centre.log() == before
    with OrderRegister(centre.base / authority_key.DB) as registry:
        assert registry.begun() == 0


def test_without_an_authority_the_verbs_do_as_before_and_make_no_log(tmp_path: Path) -> None:
    centre = Centre(tmp_path, authority_too=False)
    for act in ("register", "issue", "revoke", "renew"):
        assert central(*ACTS[act][0](centre)) == 0
    assert not list(centre.base.glob("authority*"))
    assert issued_certificates.revoked(centre.base / "pki")


def test_a_log_whose_key_is_gone_lets_nobody_act_beside_it(
    centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    (centre.base / authority_key.KEY).rename(centre.base / "elsewhere")
    before = centre.state()
    assert central("revoke", centre.base, centre.keyid) != 0
    assert "restore both from one backup" in capsys.readouterr().err
    assert centre.state() == before


def test_an_epoch_that_was_looked_into_is_in_the_log_too(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.central.store.acknowledged.breaks_at", lambda *_: 1)
    with Store(centre.base / "ledger.db") as store:
        number = store.terminals()[0].id
        with store.batch():
            store.change(
                "INSERT INTO chains (terminal, epoch, upto, head) VALUES (?, ?, 0, '')", [(number, "e" * 16)]
            )
    where = ("acknowledge", centre.base, "main/gate-1", "e" * 16)
    assert central(*where, *WHY) == 0
    assert central(*where, "--undo", *WHY) == 0
    told = [(one["act"], one["by"], one["epoch"]) for one in centre.log()[-2:]]
    assert told == [("gap-acknowledged", "Pat", "e" * 16), ("gap-taken-back", "Pat", "e" * 16)]
