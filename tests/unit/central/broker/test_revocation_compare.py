"""DIR from an older backup beside a broker that knows better: its list of revoked certificates is never undone."""

import json
import os
import pwd
import shutil
from pathlib import Path

import pytest

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.central.broker import revocation_list
from edge.cli import main
from edge.crypto.dsse import key_id
from edge.crypto.key_files import create_identity, public_pem

USER = pwd.getpwuid(os.geteuid()).pw_name


class Restored:
    """A centre whose DIR was put back to before two revocations that the broker has."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.base, self.into, self.capsys = root / "centre", root / "broker", capsys
        self.good("init", self.base, "--host", "broker.example", "--site", "main")
        self.good("authority", "init", self.base)
        key = create_identity(root / "one").verify_key
        (root / "one.pem").write_text(public_pem(key))
        self.keyid = key_id(key)
        self.good("register", self.base, "main", "gate-1", root / "one.pem")
        self.good("issue", self.base, "gate-1")
        shutil.copytree(self.base, root / "backup")
        self.good("issue", self.base, "gate-2")  # which the backup has never heard of
        self.good("revoke", self.base, self.keyid)
        self.good("revoke", self.base, "gate-2")
        self.good(*self.install)
        self.revoked = revocation_list.revoked(self.base / "pki")
        shutil.rmtree(self.base)
        shutil.copytree(root / "backup", self.base)

    @property
    def install(self) -> tuple[object, ...]:
        return "broker", self.base, self.into, "--user", USER

    def run(self, *words: object) -> tuple[int, str]:
        self.capsys.readouterr()
        code = main(["central", *map(str, words)])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def good(self, *words: object) -> str:
        code, said = self.run(*words)
        assert code == 0, said
        return said

    def gaps(self) -> list[str]:
        _, said = self.run("gaps", self.base, "--broker", self.into, "--json")
        return [one["text"] for one in json.loads(said) if one["kind"] == "certificate"]

    def installed(self) -> set[int]:
        return set(revocation_list.revoked(self.into))


@pytest.fixture
def restored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Restored:
    made = Restored(tmp_path, capsys)
    assert len(made.revoked) == 2
    return made


def test_an_older_list_is_not_installed_and_the_cure_leads_to_its_end(restored: Restored) -> None:
    before = (restored.into / revocation_list.NAME).read_bytes()
    code, said = restored.run(*restored.install)
    assert code == 65
    assert "names 2 certificates (of gate-1)" in said
    assert "--take-over" in said
    assert (restored.into / revocation_list.NAME).read_bytes() == before
    restored.good("revoke", restored.base, restored.keyid)
    code, said = restored.run(*restored.install)
    assert (code, "names 1 certificate that" in said) == (65, True), "the other one is unknown to DIR"
    assert "taken over    1 revoked" in restored.good(*restored.install, "--take-over")
    assert restored.installed() == restored.revoked == revocation_list.revoked(restored.base / "pki")
    restored.good(*restored.install)
    assert restored.gaps() == []
    with OrderRegister(restored.base / authority_key.DB) as registry:
        last = registry.entries()[-1]
    assert (last.act, last.data["count"]) == ("certificates-revoked", 1)


def test_a_number_that_is_lower_is_not_installed_although_nothing_lacks(restored: Restored) -> None:
    revocation_list.take_over(restored.base / "pki", {one.serial_number: one.revocation_date_utc for one in
                                          revocation_list.read(restored.into) or ()}, 0)  # fmt: skip
    revocation_list.take_over(restored.into.parent / "backup" / "pki", {}, 0)
    theirs = revocation_list.take_over(restored.base / "pki", {}, 40)
    (restored.into / revocation_list.NAME).write_bytes(theirs.read_bytes())
    shutil.rmtree(restored.base)
    shutil.copytree(restored.into.parent / "backup", restored.base)
    code, said = restored.run(*restored.install)
    assert (code, "is number 41" in said) == (65, True)
    restored.good(*restored.install, "--take-over")
    assert revocation_list.number(revocation_list.read(restored.into)) == 42


def test_gaps_says_it_until_all_is_as_it_was(restored: Restored) -> None:
    (ahead,) = restored.gaps()
    assert "names 2 certificates (of gate-1) that DIR does not call revoked" in ahead
    restored.good(*restored.install, "--take-over")
    (still,) = restored.gaps()
    assert f"`smartclocker central revoke DIR {restored.keyid}`" in still, "the identity counts yet"
    restored.good("revoke", restored.base, restored.keyid)
    assert restored.gaps() == []


def test_gaps_says_what_the_broker_was_not_given(restored: Restored) -> None:
    restored.good(*restored.install, "--take-over")
    restored.good("revoke", restored.base, restored.keyid)
    restored.good("issue", restored.base, "gate-3")
    restored.good("revoke", restored.base, "gate-3")
    (text,) = restored.gaps()
    assert "1 certificate revoked in DIR, and the broker does not know it" in text
    restored.good(*restored.install)
    assert restored.gaps() == []


def test_a_list_of_another_authority_or_a_damaged_one_is_replaced(restored: Restored, tmp_path: Path) -> None:
    restored.good("init", tmp_path / "other", "--host", "broker.example", "--site", "main")
    restored.good("broker", tmp_path / "other", restored.into, "--user", USER)
    (restored.into / revocation_list.NAME).write_text("no list")
    restored.good(*restored.install)
    assert revocation_list.number(revocation_list.read(restored.into)) >= 1
