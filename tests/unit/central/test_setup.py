"""`central init`, `issue`, `revoke`, `register`: what is made, what is kept, what is refused in one line."""

import json
import os
import re
import ssl
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from nacl.signing import SigningKey

from edge.central import setup
from edge.central.broker import acl as rules
from edge.central.broker import certificates, issued_certificates, revocation_list
from edge.central.setup import named_hosts
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto.dsse import key_id
from edge.crypto.key_files import create_identity, load_identity, public_pem
from edge.domain.protocol.record import Origin

INIT = ("--host", "broker.example", "--site", "main", "--listen", "192.0.2.1", "--port", "8884")


def central(*words: object) -> int:
    try:
        return main(["central", *map(str, words)])
    except SystemExit as error:  # argparse
        return int(error.code or 0)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    assert central("init", tmp_path / "centre", *INIT) == 0
    return tmp_path / "centre"


def everything(base: Path) -> dict[str, bytes]:
    return {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()}


def test_central_init_given_again_changes_nothing(base):
    before = everything(base)
    assert central("init", base) == 0
    assert everything(base) == before


def test_a_second_site_and_host_are_added_and_all_else_is_kept(base, capsys):
    acl, conf = base / "acl", base / "mosquitto.conf"
    acl.write_text(acl.read_text() + "\nuser payroll\ntopic read smartclocker/v1/+/+/record/+\n")
    conf.write_text(conf.read_text().replace("autosave_interval 60", "autosave_interval 7") + "log_type all\n")
    before, rows, settings = everything(base), acl.read_text(), conf.read_text()
    capsys.readouterr()
    assert central("init", base, "--site", "depot", "--host", "10.0.0.7") == 0
    said = capsys.readouterr().out
    assert "added         sites depot" in said
    assert "your own" in said
    after = everything(base)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"acl", "pki/server.crt", "pki/issued.jsonl"}, "the keys and the listener are as they were"
    assert acl.read_text().startswith(rows.rstrip()), "every row is still there, those by hand too"
    assert "pattern write smartclocker/v1/depot/%u/record/punch" in acl.read_text()
    assert conf.read_text() == settings
    wanted = {"broker.example", "10.0.0.7", "localhost", "127.0.0.1", "::1"}
    assert set(named_hosts(base / "pki/server.crt")) == wanted
    ssl.create_default_context(cafile=base / "pki/ca.crt").load_cert_chain(
        base / "pki/server.crt", base / "pki/server.key"
    )


def test_what_goes_is_asked_for_and_said(base, capsys):
    central("init", base, "--site", "depot", "--host", "10.0.0.7")
    capsys.readouterr()
    assert central("init", base, "--drop-site", "main", "--drop-host", "10.0.0.7", "--listen", "0.0.0.0") == 0
    said = capsys.readouterr().out
    assert "dropped       sites main" in said
    assert "dropped       hosts 10.0.0.7" in said
    assert "listens on 0.0.0.0, port 8884 (before: 192.0.2.1, port 8884)" in said
    assert "/main/" not in (base / "acl").read_text()
    assert "listener 8884 0.0.0.0" in (base / "mosquitto.conf").read_text()
    assert "10.0.0.7" not in named_hosts(base / "pki/server.crt")


def test_a_directory_of_an_earlier_version_gets_what_it_lacks(base):
    """Relative paths, no revocation list, client ids that are not bound, records under any kind."""
    conf, acl = base / "mosquitto.conf", base / "acl"
    lines = [
        line.replace(f"{base}/", "centre/")
        for line in conf.read_text().splitlines()
        if not line.startswith(("crlfile", "use_username_as_clientid", "max_queued_bytes"))
    ]
    conf.write_text("\n".join(lines) + "\n")
    kinds = [line for line in acl.read_text().splitlines() if "/record/" in line and line.startswith("pattern")]
    acl.write_text(acl.read_text().replace("\n".join(kinds), "pattern write smartclocker/v1/main/%u/record/+"))
    (base / "pki/crl.pem").unlink()
    (base / "pki/issued.jsonl").unlink()
    assert central("init", base) == 0
    text = conf.read_text()
    assert f"\ncrlfile {base}/pki/crl.pem\n" in text
    assert f"\ncafile {base}/pki/ca.crt\n" in text
    assert "\nuse_username_as_clientid true\n" in text
    assert text.index("listener ") < text.index("use_username_as_clientid") < text.index("persistence true")
    assert "%u/record/+" not in acl.read_text()
    assert set(kinds) <= set(acl.read_text().splitlines())
    assert (base / "pki/crl.pem").exists()


@pytest.mark.parametrize(("there", "then"), [("65536", "36864"), ("50000", "50000"), ("36864", "36864")])
def test_the_size_of_a_packet_that_an_earlier_version_wrote_is_mended_and_another_stays(base, capsys, there, then):
    conf = base / "mosquitto.conf"
    conf.write_text(re.sub(r"max_packet_size \d+", f"max_packet_size {there}", conf.read_text()))
    assert central("init", base) == 0
    assert f"\nmax_packet_size {then}\n" in conf.read_text()
    assert ("max_packet_size" in capsys.readouterr().out) is (then == "50000")


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("init", "--host", "h", "--site", "Main Site"), "write main-site"),
        (("init", "--host", "h", "--site", "Main"), "write main"),
        (("init", "--host", "h", "--site", "a/+"), "lower-case letters"),
        (("init", "--host", "h", "--site", "roster"), "reserved"),
        (("init", "--host", "*.example", "--site", "main"), "wildcard"),
        (("init", "--host", "two words", "--site", "main"), "no host name"),
        (("init", "--host", "h:8883", "--site", "main"), "no host name"),
        (("init", "--host", "999.1.1.1", "--site", "main"), "no host name"),
        (("init", "--host", "", "--site", "main"), "no host name"),
        (("init", "--host", "h\nallow_anonymous true", "--site", "main"), "no host name"),
        (("init", "--host", "h", "--site", "main", "--port", "99999"), "1 to 65535"),
        (("init", "--host", "h", "--site", "main", "--listen", "0.0.0.0 x"), "no host name"),
        (("init", "--host", "h"), "--site"),
        (("init", "--site", "main"), "--host"),
        (("init", "--host", "h", "--site", "main", "--instance", "Two"), "write two"),
    ],
)
def test_a_bad_name_is_one_line_and_nothing_is_made(tmp_path, capsys, words, cure):
    verb, *rest = words
    assert central(verb, tmp_path / "centre", *rest) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert cure in said.splitlines()[-1]
    assert not (tmp_path / "centre").exists()


@pytest.mark.parametrize("name", ["ledger", "authority", "roster", "Entrance-1", "gate 1", "+", "a" * 33, "bücher"])
def test_no_certificate_is_issued_for_a_reserved_or_bad_name(base, tmp_path, capsys, name):
    before = everything(base)
    (tmp_path / "key.pem").write_text(public_pem(create_identity(tmp_path / "key").verify_key))
    assert central("issue", base, name) == 2
    assert central("register", base, "main", name, tmp_path / "key.pem") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert everything(base) == before


def test_other_letters_than_asciis_are_encoded_in_the_certificate(tmp_path):
    assert central("init", tmp_path / "centre", "--host", "Bücher.Example", "--site", "main") == 0
    assert "xn--bcher-kva.example" in named_hosts(tmp_path / "centre/pki/server.crt")


def test_issuing_says_where_the_files_go_and_what_they_replace(base, capsys):
    central("issue", base, "gate-1")
    first = capsys.readouterr().out
    for word in ("tls/terminal.pem", "keys/tls-key", "tls/ca.pem", "ledger.pem"):
        assert f"/etc/smartclocker/{word}" in first
    assert "authority" not in first
    assert "replaces" not in first
    assert central("authority", "init", base, "--by", "Pat") == 0
    capsys.readouterr()
    central("issue", base, "gate-1")
    again = capsys.readouterr().out
    assert "replaces      that of" in again
    assert f"authority     {base / 'authority.pem'}  (there: /etc/smartclocker/authority.pem" in again


def test_what_ends_soon_is_renewed_and_renew_replaces_and_revokes(base, capsys):
    certificates.issue_client(base / "pki", certificates.LEDGER, lifetime=timedelta(days=20))
    certificates.issue_server(base / "pki", ["broker.example"], lifetime=timedelta(days=20))
    short = issued_certificates.latest(base / "pki")
    assert central("init", base) == 0
    renewed = issued_certificates.latest(base / "pki")
    for stem in ("server", "client-ledger"):
        assert renewed[stem].serial != short[stem].serial
    assert renewed["client-authority"].serial == short["client-authority"].serial, "it does not end yet"
    assert central("init", base, "--renew") == 0
    assert {short["client-ledger"].serial, renewed["client-ledger"].serial} <= revocation_list.revoked(base / "pki")
    assert issued_certificates.latest(base / "pki")["client-ledger"].serial not in revocation_list.revoked(
        base / "pki"
    )


def keyid(base: Path, capsys) -> dict[str, str]:
    capsys.readouterr()
    assert central("terminals", base, "--json") == 0
    return {row["terminal"]: row["keyid"] for row in json.loads(capsys.readouterr().out) if not row["revoked"]}


def register(base: Path, tmp_path: Path, name: str, terminal: str = "gate-1") -> None:
    create_identity(tmp_path / name)
    (tmp_path / f"{name}.pem").write_text(public_pem(load_identity(tmp_path / name).verify_key))
    assert central("register", base, "main", terminal, tmp_path / f"{name}.pem") == 0


def test_a_revoked_identity_takes_its_certificates_along(base, tmp_path, capsys):
    register(base, tmp_path, "one")
    for _ in range(2):
        central("issue", base, "gate-1")
    central("issue", base, "gate-2")
    theirs = {one.serial for one in revocation_list.valid(base / "pki", "gate-1")}
    assert len(theirs) == 2
    (base / "pki/client-gate-1.crt").unlink()  # it was moved to the terminal
    assert central("revoke", base, keyid(base, capsys)["gate-1"]) == 0
    said = capsys.readouterr().out
    assert "2 of gate-1 revoked" in said
    assert "restart mosquitto" in said
    assert revocation_list.revoked(base / "pki") == theirs
    assert revocation_list.valid(base / "pki", "gate-2")


def test_the_certificate_of_the_terminal_that_took_its_place_stays(base, tmp_path, capsys):
    register(base, tmp_path, "old")
    central("issue", base, "gate-1")
    former, old = revocation_list.valid(base / "pki", "gate-1"), keyid(base, capsys)["gate-1"]
    register(base, tmp_path, "new")
    central("issue", base, "gate-1")
    assert central("revoke", base, old) == 0
    assert "kept" in capsys.readouterr().out
    assert revocation_list.revoked(base / "pki") == {former[0].serial}
    assert central("revoke", base, "gate-1") == 0
    assert not revocation_list.valid(base / "pki", "gate-1")


def test_a_reader_without_an_identity_is_revoked_by_name(base, capsys):
    central("issue", base, "payroll")
    assert central("revoke", base, "payroll") == 0
    assert not revocation_list.valid(base / "pki", "payroll")
    assert central("revoke", base, "payroll") == 65
    for name in ("ledger", "authority"):
        assert central("revoke", base, name) == 2
    assert "--renew" in capsys.readouterr().err


def test_two_revocations_at_once_are_both_in_the_list(base):
    names = [f"gate-{number}" for number in range(8)]
    for name in names:
        certificates.issue_client(base / "pki", name)
    chosen = [revocation_list.valid(base / "pki", name) for name in names]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda which: revocation_list.revoke(base / "pki", which), chosen))
    assert revocation_list.revoked(base / "pki") == {one.serial for which in chosen for one in which}


def test_the_list_of_revoked_certificates_ends_with_the_ca_and_openssl_takes_it(base):
    files = certificates.issue_client(base / "pki", "gate-1")
    good = certificates.issue_client(base / "pki", "gate-2")
    revocation_list.revoke(base / "pki", revocation_list.valid(base / "pki", "gate-1"))
    listed, authority = revocation_list.read(base / "pki"), x509.load_pem_x509_certificate(files.ca.read_bytes())
    assert listed.next_update_utc == authority.not_valid_after_utc, "it cannot lock everybody out before"
    for certificate, answer in ((files.certificate, 2), (good.certificate, 0)):
        checking = ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", base / "pki/crl.pem"]
        done = subprocess.run([*checking, "-CAfile", files.ca, certificate], capture_output=True, check=False)
        assert done.returncode == answer, done.stderr


def test_files_that_root_makes_belong_to_the_owner_of_the_directory(tmp_path):
    if os.geteuid() != 0:
        assert os.geteuid() != 0, "only root can give files away"
        return
    base = tmp_path / "centre"
    base.mkdir(mode=0o700)
    os.chown(base, 12_345, 23_456)
    assert central("init", base, *INIT) == 0
    assert central("issue", base, "gate-1") == 0
    assert central("authority", "init", base, "--by", "Pat") == 0
    register(base, tmp_path, "one")
    assert central("init", base, "--site", "depot") == 0, "root reads what belongs to the directory's owner"
    for path in base.rglob("*"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12_345, 23_456), path


def test_certificates_are_readable_whatever_the_umask_and_keys_are_not(tmp_path):
    before = os.umask(0o077)
    try:
        assert central("init", tmp_path / "centre", *INIT) == 0
    finally:
        os.umask(before)
    for path in (tmp_path / "centre").rglob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "centre/pki/ca.crt").stat().st_mode) == 0o644


@pytest.mark.parametrize("how", ["lost", "from a backup", "of before the log"])
def test_a_revocation_outlives_the_list(base, capsys, how):
    """It lets nobody in again: what was revoked stands in the log of certificates, too."""
    path, log = base / "pki/crl.pem", base / "pki" / issued_certificates.LOG
    backup = path.read_bytes()
    assert central("issue", base, "gate-1") == 0
    (certificate,) = revocation_list.valid(base / "pki", "gate-1")
    assert central("revoke", base, "gate-1") == 0
    if how == "of before the log":
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join(line for line in lines if "revoked" not in line) + '{"torn')
        assert central("init", base) == 0
    if how == "from a backup":
        path.write_bytes(backup)
    else:
        path.unlink()
    capsys.readouterr()
    assert central("init", base) == 0
    assert revocation_list.revoked(base / "pki") == {certificate.serial}
    assert revocation_list.valid(base / "pki", "gate-1") == []


@pytest.mark.parametrize("lost", [("pki/ca.crt", "pki/ca.key"), ("ledger.key",), ("roster.key",)])
def test_a_key_that_everybody_trusts_is_not_made_anew_in_silence(base, capsys, lost):
    for name in lost:
        (base / name).unlink()
    before = everything(base)
    assert central("init", base) != 0
    assert everything(base) == before
    assert "from your backup" in capsys.readouterr().err


def test_nor_is_the_authoritys(base, capsys):
    assert central("authority", "init", base, "--by", "Pat") == 0
    for name in ("authority.key", "authority.db"):
        (base / name).unlink()
    assert central("authority", "init", base, "--by", "Pat") == 78
    assert "authority.pem is there; restore it from your backup" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["ca.crt", "client-ledger.crt", "server.crt"])
def test_a_damaged_certificate_is_named_and_nothing_is_unforeseen(base, capsys, name):
    with Store(base / "ledger.db"):
        pass
    for content in (b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", bytes(range(256))):
        (base / "pki" / name).write_bytes(content)
        capsys.readouterr()
        assert main(["central", "init", str(base)]) == 78
        assert "pki" in capsys.readouterr().err
        if name == "ca.crt":
            assert main(["central", "gaps", str(base)]) == 78
            assert "ca.crt: is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(("there", "then"), [("20000", "5000"), ("300", "300")])
def test_how_many_messages_wait_as_an_earlier_version_wrote_it_is_mended_and_another_stays(base, there, then):
    """With 20,000 the memory that one reader can bind is four times what the broker's drop-in counts on."""
    conf = base / "mosquitto.conf"
    conf.write_text(re.sub(r"max_queued_messages \d+", f"max_queued_messages {there}", conf.read_text()))
    assert central("init", base) == 0
    assert f"\nmax_queued_messages {then}\n" in conf.read_text()


def test_of_a_setting_that_stands_twice_no_line_makes_it_unsafe(base):
    """mosquitto goes by the last."""
    path = base / "mosquitto.conf"
    more = ["require_certificate false", "allow_anonymous true", "max_packet_size 65536", "max_keepalive 60"]
    path.write_text(path.read_text() + "".join(f"{line}\n" for line in more))
    assert main(["central", "init", str(base)]) == 0
    there = path.read_text().splitlines()
    assert [line for line in more if line in there] == ["max_keepalive 60"], "somebody's own"
    for line in ("require_certificate true", "allow_anonymous false", "max_packet_size 36864"):
        assert there.count(line) == 2


def test_nobody_is_registered_where_no_centre_is(base, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    pem = tmp_path / "gate.pem"
    pem.write_text(public_pem(create_identity(tmp_path / "gate").verify_key))
    assert main(["central", "register", str(tmp_path / "other"), "main", "gate", str(pem)]) == 74
    assert "central init` made" in capsys.readouterr().err
    assert list((tmp_path / "other").iterdir()) == []
    assert main(["central", "register", str(base), "main", "gate", str(pem)]) == 0


def registered(base: Path, name: str, tmp_path: Path, site: str = "main") -> str:
    """Registers a new identity under this name; its key id."""
    key = create_identity(tmp_path / f"{len(list(tmp_path.iterdir()))}.key").verify_key
    shown = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}.pem"
    shown.write_text(public_pem(key))
    assert central("register", base, site, name, shown) == 0
    return key_id(key)


def test_registered_terminals_read_their_sites_punches_and_revoked_ones_do_not(base, tmp_path, capsys):
    capsys.readouterr()
    registered(base, "gate-1", tmp_path)
    assert "central broker" not in capsys.readouterr().out, "alone at its site"
    second = registered(base, "gate-2", tmp_path)
    said = capsys.readouterr().out
    assert "lets the terminals of main read each other's punches" in said
    assert "central broker" in said
    assert "systemctl reload mosquitto" in said
    assert rules.terminals_of((base / "acl").read_text()) == [Origin("main", "gate-1"), Origin("main", "gate-2")]
    before = (base / "acl").read_text()
    assert central("init", base) == 0
    assert (base / "acl").read_text() == before
    third = registered(base, "gate-2", tmp_path)
    assert central("revoke", base, second) == 0
    assert (base / "acl").read_text() == before, "another identity has the name"
    assert central("revoke", base, third) == 0
    assert rules.terminals_of((base / "acl").read_text()) == [Origin("main", "gate-1")]


def test_the_newest_certificate_is_the_one_issued_last_also_where_the_clock_was_set_back(base, monkeypatch):
    """The newest one stays when the former identity of a name is revoked: it must not be the former's."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=2)

    with monkeypatch.context() as patched:
        patched.setattr(certificates, "datetime", Ahead)
        former = certificates.issue_client(base / "pki", "gate-1").certificate.read_bytes()
    newest = certificates.issue_client(base / "pki", "gate-1").certificate.read_bytes()
    serials = [x509.load_pem_x509_certificate(one).serial_number for one in (former, newest)]
    assert [one.serial for one in revocation_list.valid(base / "pki", "gate-1")] == serials
    assert issued_certificates.latest(base / "pki")["client-gate-1"].serial == serials[1]


def test_no_command_writes_the_acl_over_a_terminal_that_another_one_adds(base, monkeypatch):
    with Store(base / "ledger.db") as store:
        store.register(Origin("main", "gate-1"), SigningKey.generate().verify_key)
    looked, others = setup._terminals, []

    def slow(directory: Path) -> list[Origin]:
        found = looked(directory)
        if not others:
            with Store(base / "ledger.db") as store:
                store.register(Origin("main", "gate-2"), SigningKey.generate().verify_key)
            others.append(Thread(target=setup.allow_terminals, args=(base,)))
            others[0].start()
            others[0].join(1)  # it must wait for this command; without a lock it would be done long before
        return found

    monkeypatch.setattr(setup, "_terminals", slow)
    setup.allow_terminals(base)
    others[0].join(60)
    assert rules.terminals_of((base / "acl").read_text()) == [Origin("main", "gate-1"), Origin("main", "gate-2")]


def test_an_acl_of_an_earlier_version_gets_the_terminals_by_init(base, tmp_path):
    registered(base, "gate-1", tmp_path)
    registered(base, "gate-2", tmp_path)
    before = (base / "acl").read_text()
    (base / "acl").write_text(rules.render_acl(["main"]))
    assert central("init", base) == 0
    assert rules.terminals_of((base / "acl").read_text()) == rules.terminals_of(before)
    assert central("init", base, "--site", "depot", "--drop-site", "main") == 0
    assert rules.terminals_of((base / "acl").read_text()) == []
    assert "/main/" not in (base / "acl").read_text()
