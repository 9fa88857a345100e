"""A claim from the token to the last file, with a real centre, server, openssl and TLS; and all that is refused."""

import json
import os
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from nacl.signing import SigningKey

from edge import config
from edge.central.broker import certificates, revocation_list
from edge.central.claims import server as claim_server
from edge.central.claims import token_store
from edge.central.claims import tokens as token_making
from edge.central.claims.token_store import TokenStore
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto import key_files
from edge.crypto.dsse import key_id
from edge.domain.claim.messages import ClaimAnswer, Refusal
from edge.domain.claim.token import ClaimToken
from edge.domain.protocol.record import Origin
from edge.terminal.claim import claiming
from tests.support.claims import (
    ClaimCentre,
    Impostor,
    NewTerminal,
    certified_key,
    csr_of,
    encoded,
    tls_key_of,
)


@pytest.fixture
def centre(tmp_path: Path) -> ClaimCentre:
    return ClaimCentre(tmp_path)


@pytest.fixture
def terminal(tmp_path: Path) -> NewTerminal:
    return NewTerminal(tmp_path / "terminal")


def test_one_command_brings_all_that_was_copied_by_hand(centre, terminal, capsys) -> None:
    with centre.serving():
        token = centre.token("main/gate-1")
        assert terminal.claim(centre.port, token) == 0
    said = capsys.readouterr()
    files = terminal.files()
    assert sorted(files) == [
        "authority.pem", "config.toml", "keys/identity", "keys/storage", "keys/tls-key", "ledger.pem", "roster.pem",
        "tls/ca.pem", "tls/terminal.pem",
    ]  # fmt: skip
    for name in ("ledger.pem", "authority.pem", "roster.pem"):
        assert files[name] == (centre.base / name).read_bytes()
    assert files["tls/ca.pem"] == (centre.base / "pki/ca.crt").read_bytes()
    for name in files:
        mode = (terminal.directory / name).stat().st_mode & 0o777
        assert mode == (0o600 if name.startswith("keys/") else 0o644), name
    assert tls_key_of(terminal.directory) == certified_key(files["tls/terminal.pem"])
    identity = key_files.load_identity(terminal.directory / "keys/identity")
    keyid = key_id(identity.verify_key)
    assert centre.identities() == {f"main/gate-1 {keyid}": None}
    assert centre.acts()[-3:] == ["claim-opened", "identity-registered", "certificate-issued"]
    assert f"claimed       main/gate-1 with the key {keyid}" in said.out
    assert "sudo systemctl enable --now smartclocker" in said.out
    assert "check --online" in said.out
    for secret in (token.written(), encoded(token.secret), token.secret.hex(), bytes(identity).hex()):
        assert secret not in said.out + said.err
        assert secret.encode() not in b"".join(
            path.read_bytes() for path in centre.base.rglob("*") if path.is_file()
        )


def test_the_configuration_gets_what_follows_and_keeps_every_comment(centre, terminal) -> None:
    before = terminal.config.read_text()
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("depot/gate-1")) == 0
    found = config.load(terminal.config).config
    assert (found.terminal.site, found.terminal.name) == ("depot", "gate-1")
    assert (found.uplink.host, found.uplink.port) == ("broker.test", 8883)
    assert found.keys.authority == str(terminal.directory / "authority.pem")
    lines = terminal.config.read_text().splitlines()
    kept = [line for line in before.splitlines() if "main" not in line and "entrance-1" not in line]
    assert [line for line in kept if "broker.example" not in line and line not in lines] == []
    assert any(line.startswith('site = "depot"') and "lower-case letters" in line for line in lines)


def test_the_certificate_is_one_for_a_client_of_the_terminals_name(centre, terminal) -> None:
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
    made = x509.load_pem_x509_certificate((terminal.directory / "tls/terminal.pem").read_bytes())
    by_hand = certificates.issue_client(centre.base / "pki", "gate-2")
    usual = x509.load_pem_x509_certificate(by_hand.certificate.read_bytes())
    assert made.subject.rfc4514_string() == "CN=gate-1", "whatever the request says"
    assert [one.oid for one in made.extensions] == [one.oid for one in usual.extensions]
    assert (made.not_valid_after_utc - usual.not_valid_after_utc) < timedelta(hours=1)
    assert not (centre.base / "pki/client-gate-1.key").exists()
    assert [one.serial for one in revocation_list.valid(centre.base / "pki", "gate-1")] == [made.serial_number]


def test_a_token_counts_for_one_terminal(centre, terminal, tmp_path, capsys) -> None:
    other = NewTerminal(tmp_path / "other")
    with centre.serving():
        token = centre.token("main/gate-1")
        assert terminal.claim(centre.port, token) == 0
        before = other.files()
        assert other.claim(centre.port, token) == 65
        assert "another terminal has used this token" in capsys.readouterr().err
        assert {name: text for name, text in other.files().items() if name in before} == before
        assert not (other.directory / "tls/terminal.pem").exists()
        assert Impostor(centre.port, token).ask() is Refusal.TOKEN_USED
    assert len(centre.identities()) == 1
    assert centre.certificates().count("gate-1") == 1


def test_the_same_terminal_is_answered_again_with_the_same_certificate(centre) -> None:
    with centre.serving():
        terminal = Impostor(centre.port, centre.token("main/gate-1"))
        first = terminal.ask()
        assert isinstance(first, ClaimAnswer)
        assert terminal.ask() == first
        terminal.tls_key = ec.generate_private_key(ec.SECP256R1())
        assert terminal.ask() is Refusal.TOKEN_USED, "one token, one certificate"
    assert centre.certificates().count("gate-1") == 1
    assert len(centre.identities()) == 1


def test_a_token_that_ended_is_told_so_and_does_nothing(centre, terminal, monkeypatch, capsys) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(minutes=61)

    with centre.serving():
        token = centre.token("main/gate-1")
        monkeypatch.setattr("edge.central.claims.claim_desk.datetime", Later)
        assert terminal.claim(centre.port, token) == 65
    assert "the token has ended" in capsys.readouterr().err
    assert centre.identities() == {}
    assert "gate-1" not in centre.certificates()


@pytest.mark.parametrize("away", [timedelta(days=400), timedelta(days=8)])
def test_a_token_of_a_clock_that_was_ahead_does_not_count_for_longer_than_a_token_can(
    centre, away: timedelta, monkeypatch
) -> None:
    """Whether the clock was ahead when it was made, or was set back since: not for months."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + away

    monkeypatch.setattr(claim_server, "LOOK_S", 0.01)
    with centre.serving(), monkeypatch.context() as patched:
        patched.setattr(token_making, "datetime", Ahead)
        token = centre.token("main/gate-1")
        assert Impostor(centre.port, token).ask() is Refusal.TOKEN_EXPIRED
    claim_server.ClaimServer(centre.base, "127.0.0.1", 0).run(idle_s=0.02)
    assert centre.identities() == {}
    assert centre.central("terminal add", "main/gate-1")[0] == 0, "no token is open"
    with TokenStore(centre.base) as tokens:
        assert tokens.find(token.digest) is None, "so that it does not count one day"


def test_a_guessed_token_is_unknown_whatever_else_is_right(centre, terminal, capsys) -> None:
    with centre.serving():
        token = centre.token("main/gate-1")
        guessed = ClaimToken(bytes(13), token.pin)
        assert terminal.claim(centre.port, guessed) == 65
        assert "does not know this token" in capsys.readouterr().err
        assert Impostor(centre.port, guessed).ask(signature=encoded(bytes(64))) is Refusal.TOKEN_UNKNOWN
    assert centre.identities() == {}


@pytest.mark.parametrize("typed", ["", "abcd", "no such thing", "a" * 48, "x" * 100_000])
def test_a_typing_error_is_found_before_anything_is_sent(terminal, typed: str, capsys) -> None:
    before = terminal.files()
    assert terminal.claim(1, typed) == 65
    assert "token" in capsys.readouterr().err
    assert terminal.files() == before


FORGED = {
    "another identity's signature": lambda one: {"identity": encoded(bytes(SigningKey.generate().verify_key))},
    "no signature": lambda one: {"signature": encoded(bytes(64))},
    "another request": lambda one: {"csr": csr_of(ec.generate_private_key(ec.SECP256R1()))},
}


@pytest.mark.parametrize("how", FORGED)
def test_whoever_has_the_token_and_not_the_keys_is_refused(centre, how: str) -> None:
    with centre.serving():
        one = Impostor(centre.port, centre.token("main/gate-1"))
        assert one.ask(**FORGED[how](one)) is Refusal.MALFORMED
        assert isinstance(one.ask(), ClaimAnswer), "and the token still counts"


KEYS = {
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA": lambda: rsa.generate_private_key(65_537, 2_048),
}


@pytest.mark.parametrize("kind", KEYS)
def test_no_other_kind_of_tls_key_is_certified(centre, kind: str) -> None:
    with centre.serving():
        one = Impostor(centre.port, centre.token("main/gate-1"))
        one.tls_key = KEYS[kind]()
        assert one.ask() is Refusal.MALFORMED
    assert "gate-1" not in centre.certificates()


def test_a_request_that_its_key_did_not_sign_is_refused(centre, monkeypatch) -> None:
    with centre.serving():
        one = Impostor(centre.port, centre.token("main/gate-1"))
        monkeypatch.setattr("tests.support.claims.csr_of", lambda key: csr_of(key, signer=True))
        assert one.ask() is Refusal.MALFORMED


def test_the_name_is_the_tokens_and_one_name_is_one_terminals(centre, terminal, tmp_path, capsys) -> None:
    """The second token for a name needs --again; then both identities may speak until one is revoked."""
    with centre.serving():
        first = centre.token("main/gate-1")
        assert centre.central("terminal add", "main/gate-1")[0] == 65
        assert "a token for this name is open" in capsys.readouterr().err
        assert terminal.claim(centre.port, first) == 0
        assert centre.central("terminal add", "main/gate-1")[0] == 65
        assert "has this name" in capsys.readouterr().err
        assert centre.central("terminal add", "depot/gate-1", "--again")[0] == 65
        assert "choose another, such as depot-gate-1" in capsys.readouterr().err
        second = NewTerminal(tmp_path / "second")
        assert second.claim(centre.port, centre.token("main/gate-1", "--again")) == 0
    assert len(centre.identities()) == 2


def test_a_name_that_was_registered_by_hand_meanwhile_is_refused(centre, terminal, tmp_path, capsys) -> None:
    with centre.serving():
        token = centre.token("main/gate-1")
        with Store(centre.base / "ledger.db") as store:
            store.register(Origin("main", "gate-1"), SigningKey.generate().verify_key)
        assert terminal.claim(centre.port, token) == 65
        assert "another identity has this name" in capsys.readouterr().err
        other = centre.token("main/gate-2")
        with Store(centre.base / "ledger.db") as store:
            store.register(Origin("depot", "gate-2"), SigningKey.generate().verify_key)
        assert Impostor(centre.port, other).ask() is Refusal.NAME_TAKEN
    assert len(centre.identities()) == 2


def test_an_identity_of_another_name_or_a_revoked_one_is_refused(centre, capsys) -> None:
    with centre.serving():
        one = Impostor(centre.port, centre.token("main/gate-1"))
        assert isinstance(one.ask(), ClaimAnswer)
        one.token = centre.token("main/gate-2")
        assert one.ask() is Refusal.KEY_REFUSED
        assert centre.central("terminal remove", "main/gate-1")[0] == 0
        one.token = centre.token("main/gate-1")
        assert one.ask() is Refusal.KEY_REFUSED


def test_a_claimed_terminal_is_not_overwritten_without_being_told_to(centre, terminal, capsys) -> None:
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
        before = terminal.files()
        token = centre.token("depot/gate-9")
        assert terminal.claim(centre.port, token) == 65
        assert "claimed already" in capsys.readouterr().err
        assert terminal.files() == before
        again = centre.token("main/gate-1", "--again")
        assert terminal.claim(centre.port, again, "--again") == 0
    after = terminal.files()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"tls/terminal.pem", "keys/tls-key"}, "the identity stays"
    assert tls_key_of(terminal.directory) == certified_key(after["tls/terminal.pem"])
    assert len(centre.identities()) == 1


def test_what_a_person_set_otherwise_is_not_changed(centre, terminal, capsys) -> None:
    text = terminal.config.read_text().replace('site = "main"', 'site = "harbour"')
    terminal.config.write_text(text)
    with centre.serving():
        token = centre.token("main/gate-1")
        assert terminal.claim(centre.port, token) == 65
        said = capsys.readouterr().err
        assert "terminal.site is 'harbour', and the token is for 'main'" in said
        assert "remove the line of terminal.site" in said
        assert terminal.config.read_text() == text
        assert not (terminal.directory / "tls/terminal.pem").exists()
        terminal.config.write_text(text.replace('site = "harbour"', "# removed"))
        assert terminal.claim(centre.port, token) == 0, "the token still counts for this terminal"
    assert tomllib.loads(terminal.config.read_text())["terminal"] == {"site": "main", "name": "gate-1"}


def test_paths_that_the_configuration_names_are_where_the_files_go(centre, terminal) -> None:
    text = terminal.config.read_text()
    text = text.replace('# ca = "/etc/smartclocker/tls/ca.pem"', 'ca = "elsewhere/authority.crt"')
    terminal.config.write_text(text.replace('# identity = "credential:identity"', 'identity = "own/id"'))
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
    assert (terminal.directory / "elsewhere/authority.crt").is_file()
    assert (terminal.directory / "own/id").is_file()
    assert not (terminal.directory / "tls/ca.pem").exists()


def test_a_line_that_somebody_writes_meanwhile_is_not_lost(centre, terminal, monkeypatch, capsys) -> None:
    asked, text = claiming.converse, terminal.config.read_text()

    def slow(*given: object) -> object:
        terminal.config.write_text(f"# by Kim\n{text}")
        return asked(*given)

    with centre.serving():
        token = centre.token("main/gate-1")
        with monkeypatch.context() as patched:
            patched.setattr(claiming, "converse", slow)
            assert terminal.claim(centre.port, token) == 65
        assert "was changed while" in capsys.readouterr().err
        assert terminal.config.read_text() == f"# by Kim\n{text}"
        assert terminal.claim(centre.port, token) == 0
    assert terminal.config.read_text().startswith("# by Kim\n")


def test_the_configuration_keeps_its_owner_its_group_and_its_rights(centre, terminal) -> None:
    """Where only the service's group may read it, the service must read it afterwards, too."""
    terminal.config.chmod(0o640)
    os.chown(terminal.config, -1, 12_345 if os.geteuid() == 0 else -1)
    before = terminal.config.stat()
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
    after = terminal.config.stat()
    assert after.st_ino != before.st_ino, "it was written"
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_a_configuration_that_cannot_be_read_costs_no_token(centre, terminal, capsys) -> None:
    with centre.serving():
        token = centre.token("main/gate-1")
        text = terminal.config.read_text()
        terminal.config.write_text("[terminal")
        assert terminal.claim(centre.port, token) == 78
        terminal.config.unlink()
        assert terminal.claim(centre.port, token) == 78
        assert "config.example.toml" in capsys.readouterr().err
        terminal.config.write_text(text)
        assert terminal.claim(centre.port, token) == 0


def test_a_clock_that_is_fifty_years_behind_does_not_stop_a_claim_and_is_told(
    tmp_path, monkeypatch, capsys
) -> None:
    """As on a board without a battery in 1970: no certificate of the centre has begun by this machine's clock.

    The pin and openssl's check ask no clock. The broker's TLS will, so the message says what to wait for.
    """

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=20_000)

    for module in ("broker.certificates", "claims.server_certificate"):
        monkeypatch.setattr(f"edge.central.{module}.datetime", Ahead)
    centre, terminal = ClaimCentre(tmp_path), NewTerminal(tmp_path / "terminal")
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
    made = x509.load_pem_x509_certificate((terminal.directory / "tls/terminal.pem").read_bytes())
    assert made.not_valid_before_utc - datetime.now(UTC) > timedelta(days=19_000)
    assert "this clock is behind" in capsys.readouterr().out


def test_remove_takes_identity_certificate_and_open_tokens_at_once(centre, terminal, capsys) -> None:
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
        open_token = centre.token("main/gate-1", "--again")
        code, said = centre.central("terminal remove", "main/gate-1", "--why", "it was sold")
        assert code == 0
        assert Impostor(centre.port, open_token).ask() is Refusal.TOKEN_UNKNOWN
    assert "1 of gate-1 revoked" in said
    assert "2 tokens of this name" in said
    assert "systemctl restart mosquitto" in said
    assert all(revoked is not None for revoked in centre.identities().values())
    assert revocation_list.valid(centre.base / "pki", "gate-1") == []
    assert centre.acts()[-1] == "identity-revoked"
    assert "/gate-1" not in (centre.base / "acl").read_text()
    assert centre.central("terminal remove", "main/gate-2")[0] == 65
    assert "no terminal with this name" in capsys.readouterr().err


def test_remove_by_name_reaches_no_terminal_of_another_site(centre, terminal) -> None:
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
    assert centre.central("terminal remove", "depot/gate-1")[0] == 65
    assert revocation_list.valid(centre.base / "pki", "gate-1") != []


def test_remove_ends_no_token_for_another_site(centre) -> None:
    with centre.serving():
        token = centre.token("main/gate-1")
        assert centre.central("terminal remove", "depot/gate-1")[0] == 65
        assert isinstance(Impostor(centre.port, token).ask(), ClaimAnswer)


def test_remove_of_a_name_that_only_has_a_token_or_a_certificate(centre) -> None:
    centre.token("main/gate-1")
    assert "1 token" in centre.central("terminal remove", "main/gate-1")[1]
    assert centre.central("issue", "gate-1")[0] == 0
    assert "1 of gate-1 revoked" in centre.central("terminal remove", "main/gate-1")[1]
    assert centre.acts()[-1] == "certificates-revoked"


@pytest.mark.parametrize("valid", ["30s", "8d"])
def test_a_token_counts_for_a_minute_at_least_and_a_week_at_most(centre, valid: str) -> None:
    assert centre.central("terminal add", "main/gate-1", "--valid", valid)[0] == 65
    assert "claim-opened" not in centre.acts()


def test_a_site_that_the_broker_does_not_serve_is_refused(centre, capsys) -> None:
    assert centre.central("terminal add", "harbour/gate-1")[0] == 65
    assert "--site harbour" in capsys.readouterr().err


def test_an_old_token_is_forgotten_after_a_month(centre, monkeypatch) -> None:
    token = centre.token("main/gate-1")
    monkeypatch.setattr(token_store, "_KEPT", timedelta(days=-1))
    centre.token("main/gate-2")
    with TokenStore(centre.base) as tokens:
        assert tokens.find(token.digest) is None


def test_a_token_does_not_count_again_in_a_centre_that_was_restored(centre, terminal, tmp_path) -> None:
    key, file = tmp_path / "backup.key", tmp_path / "backup"
    assert main(["central", "backup-key", str(key)]) == 0
    token = centre.token("main/gate-1")
    assert centre.central("backup", file, "--key", key)[0] == 0
    with centre.serving():
        assert terminal.claim(centre.port, token) == 0
    centre.base = tmp_path / "restored"
    assert main(["central", "restore", str(file), str(centre.base), "--key", str(key)]) == 0
    with centre.serving():
        assert Impostor(centre.port, token).ask() is Refusal.TOKEN_UNKNOWN
        assert isinstance(Impostor(centre.port, centre.token("main/gate-1")).ask(), ClaimAnswer)


def test_the_policy_in_force_comes_with_the_claim(centre, terminal, tmp_path) -> None:
    (tmp_path / "policy.md").write_text("Nobody is watched.\n")
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
        assert centre.central("terminal add", "main/gate-2")[0] == 0
        words = ("--version", "2027-01", "--text", tmp_path / "policy.md", "--port", 1, "--wait", "1s")
        centre.central("order", "main/*", "policy", *words, "--by", "Pat", "--why", "the new one")
        second = NewTerminal(tmp_path / "second")
        assert second.claim(centre.port, centre.token("main/gate-2", "--again")) == 0
    assert (second.directory / "privacy-policy.md").read_text() == "Nobody is watched.\n"
    assert config.load(second.config).config.policy.version == "2027-01"


def test_json_is_for_programs_and_holds_no_secret(centre, terminal, capsys) -> None:
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1"), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["site"], said["terminal"], said["clock_behind"]) == ("main", "gate-1", False)
    assert said["files"][-1] == str(terminal.config)


def test_without_openssl_the_cure_is_told(terminal, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PATH", os.fspath(terminal.directory))
    token = ClaimToken(bytes(13), bytes(13))
    assert terminal.claim(1, token) == 69
    assert "apt install openssl" in capsys.readouterr().err


def test_where_no_server_is_the_way_is_named(terminal, capsys) -> None:
    assert terminal.claim(1, ClaimToken(bytes(13), bytes(13))) == 69
    assert "central claims` runs there" in capsys.readouterr().err


def test_no_centre_no_server(tmp_path: Path, capsys) -> None:
    assert main(["central", "claims", str(tmp_path), "--port", "1"]) == 78
    assert main(["central", "terminal", "add", str(tmp_path), "main/gate-1"]) == 74
    assert "no centre is here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
