"""32 bytes that are no key are refused where a key comes in, and named where an old one is met."""

import pytest
from nacl.public import PrivateKey, PublicKey
from nacl.signing import SigningKey, VerifyKey

from edge.central.roster.messages import compose
from edge.central.roster.store import RosterStore, SiteRow
from edge.central.store.model import RegisteredTerminal
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto import site_key
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_public, load_sealing, public_pem, sealing_pem
from edge.domain.protocol.record import Origin
from edge.errors import KeyFileError

NO_KEYS = [
    pytest.param(bytes(32), id="small-order"),
    pytest.param(bytes([1]) + bytes(31), id="neutral"),
    pytest.param(bytes([2]) + bytes(31), id="no-point"),
    pytest.param(b"\xff" * 32, id="beyond-the-field"),
]


@pytest.mark.parametrize("raw", NO_KEYS)
def test_a_key_that_is_no_curve_point_is_not_registered(tmp_path, capsys, raw):
    pem = tmp_path / "bad.pem"
    pem.write_text(public_pem(VerifyKey(raw)))
    with pytest.raises(KeyFileError, match=r"bad\.pem: 32 bytes that are not a point.*keys show"):
        load_public(pem)
    assert main(["central", "register", str(tmp_path), "main", "gate-1", str(pem)]) == 78
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "ledger.db").exists(), "nothing is made for it"
    with Store(tmp_path / "ledger.db") as store:
        with pytest.raises(KeyFileError, match="not a point"):
            store.register(Origin("main", "gate-1"), VerifyKey(raw))
        assert store.terminals() == []


@pytest.mark.parametrize("raw", NO_KEYS)
def test_one_that_was_registered_before_is_named_with_the_way_to_be_rid_of_it(tmp_path, raw):
    bad = RegisteredTerminal(
        1, Origin("main", "gate-1"), key_id(VerifyKey(raw)), VerifyKey(raw), "2026-03-02", None
    )
    with RosterStore(tmp_path) as store:
        store.put_site(SiteRow("main", 0, 1, site_key.new_key()))
        with pytest.raises(KeyFileError, match=f"central revoke DIR {bad.keyid}"):
            compose(store, "main", [bad], SigningKey.generate())


@pytest.mark.parametrize("raw", [bytes(32), bytes([1]) + bytes(31)])
def test_no_point_is_taken_for_sealing_images(tmp_path, raw):
    path = tmp_path / "evidence.pem"
    path.write_text(sealing_pem(PublicKey(raw)))
    with pytest.raises(KeyFileError, match=r"not a point of the curve.*evidence key"):
        load_sealing(path)


def test_genuine_keys_are_taken(tmp_path):
    for number in range(20):
        key = SigningKey.generate().verify_key
        (tmp_path / "key.pem").write_text(public_pem(key))
        assert load_public(tmp_path / "key.pem") == key
        images = PrivateKey.generate().public_key
        (tmp_path / f"{number}.pem").write_text(sealing_pem(images))
        assert load_sealing(tmp_path / f"{number}.pem") == images
