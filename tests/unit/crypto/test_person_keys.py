"""The vault: each key opens what it sealed, for whom and for what, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.crypto.person_keys import KEY_BYTES, Vault, new_person_key, seal, unseal
from edge.errors import PeopleError
from tests.support.people import ANN, BOB

STORAGE, OTHER = b"s" * 32, b"o" * 32


def test_a_wrapped_key_comes_back_with_the_same_storage_key() -> None:
    vault, key = Vault.fresh(STORAGE), new_person_key()
    wrapped = vault.wrap(ANN, key)
    assert len(key) == KEY_BYTES
    assert key not in wrapped
    assert Vault(STORAGE, vault.wrapped_epoch).unwrap(ANN, wrapped) == key


def test_another_storage_key_names_the_cure() -> None:
    with pytest.raises(PeopleError, match="give the key that this terminal was set up with"):
        Vault(OTHER, Vault.fresh(STORAGE).wrapped_epoch)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_storage_key_has_32_bytes(length: int) -> None:
    with pytest.raises(PeopleError, match=f"{length} bytes"):
        Vault.fresh(b"s" * length)


def test_a_wrapped_key_is_one_persons() -> None:
    vault = Vault.fresh(STORAGE)
    with pytest.raises(PeopleError, match="is in the wrong place"):
        vault.unwrap(BOB, vault.wrap(ANN, new_person_key()))


def test_a_replaced_epoch_kills_older_wraps() -> None:
    old, new = Vault.fresh(STORAGE), Vault.fresh(STORAGE)
    with pytest.raises(PeopleError):
        new.unwrap(ANN, old.wrap(ANN, new_person_key()))


def test_the_epoch_alone_opens_nothing() -> None:
    """With the same epoch secret under another storage key, the wrapping key differs."""
    from edge.crypto import person_keys

    vault = Vault.fresh(STORAGE)
    epoch = unseal(person_keys._outer_key(STORAGE), "epoch", vault.wrapped_epoch)
    stolen = Vault(OTHER, seal(person_keys._outer_key(OTHER), "epoch", epoch))
    with pytest.raises(PeopleError):
        stolen.unwrap(ANN, vault.wrap(ANN, new_person_key()))


@given(st.binary(max_size=500), st.text(max_size=30), st.text(max_size=30))
def test_sealed_data_opens_in_its_own_context_only(plaintext: bytes, context: str, other: str) -> None:
    key = new_person_key()
    sealed = seal(key, context, plaintext)
    assert unseal(key, context, sealed) == plaintext
    if other != context:
        with pytest.raises(PeopleError):
            unseal(key, other, sealed)


def test_sealing_twice_differs() -> None:
    key = new_person_key()
    assert seal(key, "c", b"same") != seal(key, "c", b"same")


@given(st.data())
def test_every_altered_byte_is_refused(data: st.DataObject) -> None:
    key = b"k" * 32
    sealed = bytearray(seal(key, "c", b"template"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(PeopleError, match="altered"):
        unseal(key, "c", bytes(sealed))


@given(st.binary(max_size=60))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(PeopleError):
        unseal(b"k" * 32, "c", noise)


def test_no_message_names_a_key_or_a_person() -> None:
    key = new_person_key()
    with pytest.raises(PeopleError) as caught:
        Vault.fresh(STORAGE).unwrap(ANN, seal(key, "c", b"x"))
    for error in (caught.value, caught.value.__cause__):
        assert ANN not in repr(error)
        assert key.hex() not in repr(error)
