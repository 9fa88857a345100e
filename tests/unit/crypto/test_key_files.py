"""Key files: what they hold, and every way in which they are refused."""

import os
import stat
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.crypto.key_files import (
    create_identity,
    create_secret,
    load_identity,
    load_public,
    load_sealing,
    load_secret,
    public_pem,
)
from edge.errors import KeyFileError
from edge.terminal.installed import LEDGER_ORIGIN

ROOT = os.geteuid() == 0


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def test_an_identity_is_read_back_as_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    made = create_identity(path)
    assert load_identity(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["identity.pem"]  # nothing temporary stays


def test_openssl_reads_our_keys_and_we_read_its(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    key = create_identity(ours)
    assert openssl("pkey", "-in", str(ours), "-pubout") == public_pem(key.verify_key)
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(theirs))
    theirs.chmod(0o600)
    assert load_public(openssl("pkey", "-in", str(theirs), "-pubout")) == load_identity(theirs).verify_key


def test_a_public_key_is_taken_from_text_or_file(tmp_path: Path) -> None:
    key = create_identity(tmp_path / "identity.pem").verify_key
    (tmp_path / "public.pem").write_text(public_pem(key).replace("\n", "\r\n"))
    assert load_public(tmp_path / "public.pem") == load_public(str(tmp_path / "public.pem")) == key
    assert load_public(public_pem(key)) == key


@pytest.mark.parametrize("create", [create_identity, create_secret])
def test_a_key_is_never_overwritten(tmp_path: Path, create: Callable) -> None:
    path = tmp_path / "key"
    path.write_text("precious")
    with pytest.raises(KeyFileError, match="never overwritten"):
        create(path)
    assert path.read_text() == "precious"
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError):
        create_identity(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="make its directory") as caught:
        create_secret(tmp_path / "nowhere" / "key")
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o660, 0o777, 0o610])
@pytest.mark.parametrize(("create", "load"), [(create_identity, load_identity), (create_secret, load_secret)])
def test_an_exposed_key_is_refused(tmp_path: Path, mode: int, create: Callable, load: Callable) -> None:
    path = tmp_path / "key"
    create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {path}"):
        load(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_link_is_judged_by_its_target(tmp_path: Path, mode: int) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    secret = create_secret(target)
    link.symlink_to(target)
    target.chmod(mode)
    assert load_secret(link) == secret
    target.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_secret(link)


@pytest.mark.skipif(not ROOT, reason="only root can give a file to another user")
def test_another_users_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_secret(path)
    os.chown(path, 65534, -1)
    with pytest.raises(KeyFileError, match="owned by another user"):
        load_secret(path)


def access_list(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


OWNER, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY, ANYONE = 65534, 0xFFFFFFFF
CREDENTIAL = [(OWNER, 4, ANYONE), (USER, 4, NOBODY), (GROUP_OBJ, 0, ANYONE), (MASK, 4, ANYONE), (OTHER, 0, ANYONE)]


@pytest.mark.skipif(not ROOT, reason="a credential belongs to root")
@pytest.mark.parametrize(
    ("entries", "accepted"),
    [
        (CREDENTIAL, True),
        ([*CREDENTIAL[:2], (GROUP_OBJ, 4, ANYONE), *CREDENTIAL[3:]], False),
        ([*CREDENTIAL[:2], (USER, 4, NOBODY + 1), *CREDENTIAL[2:]], False),
        ([*CREDENTIAL[:3], (GROUP, 4, 100), *CREDENTIAL[3:]], False),
    ],
    ids=["ours alone", "root's group too", "another user too", "another group too"],
)
def test_a_credential_lent_by_an_access_list(reachable: Path, entries: list, accepted: bool) -> None:
    path = reachable / "storage-key"
    secret = create_secret(path)
    path.chmod(0o400)
    os.setxattr(path, "system.posix_acl_access", access_list(*entries))
    assert stat.S_IMODE(path.stat().st_mode) == 0o440  # what makes it look exposed
    os.seteuid(NOBODY)
    try:
        if accepted:
            assert load_secret(path) == secret
        else:
            with pytest.raises(KeyFileError, match="chmod 600"):
                load_secret(path)
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not ROOT, reason="root reads everything; another user is needed")
def test_an_unreadable_key_says_for_whom(reachable: Path) -> None:
    path = reachable / "key"
    create_secret(path)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(KeyFileError, match="not readable by uid 65534"):
            load_secret(path)
    finally:
        os.seteuid(0)


def test_a_pipe_does_not_hang_us(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(KeyFileError, match="not a regular file"):
        load_secret(tmp_path / "key")


def test_a_directory_is_not_a_key(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(KeyFileError, match="regular file"):
        load_identity(tmp_path)


@pytest.mark.parametrize("load", [load_identity, load_secret, load_public])
def test_a_missing_key_says_how_to_make_it(tmp_path: Path, load: Callable) -> None:
    with pytest.raises(KeyFileError, match="does not exist"):
        load(tmp_path / "none")


def test_other_algorithms_and_forms_are_refused(tmp_path: Path) -> None:
    identity = tmp_path / "identity.pem"
    create_identity(identity)
    good = identity.read_text()
    rsa = openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024")
    x25519 = openssl("genpkey", "-algorithm", "x25519")
    encrypted = openssl("pkey", "-in", str(identity), "-aes256", "-passout", "pass:x")
    public = openssl("pkey", "-in", str(identity), "-pubout")
    for bad in (rsa, x25519, encrypted, public, "", "PRIVATE", good[:40], good.replace("MC4C", "MC4D"),
                good + good, good.replace("PRIVATE", "EC PRIVATE"), good.replace("\n", ""), "\x00" * 500,
                good * 100, good.replace("M", "é")):  # fmt: skip
        identity.write_text(bad)
        identity.chmod(0o600)
        with pytest.raises(KeyFileError, match=str(identity)):
            load_identity(identity)


def test_no_message_quotes_a_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_identity(path)
    body = path.read_text().splitlines()[1]
    for text in (f"-----BEGIN PRIVATE KEY-----\n{body[:-1]}\n-----END PRIVATE KEY-----", body):
        path.write_text(text)
        for load in (load_identity, load_secret):
            with pytest.raises(KeyFileError) as caught:
                load(path)
            chain = [caught.value, caught.value.__cause__]
            assert not any(body[16:24] in repr(error) for error in chain)


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "xy" * 32, "ab" * 32 + "\nab"])
def test_a_malformed_secret_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="64 hex digits"):
        load_secret(path)


def test_a_secret_may_end_without_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "key"
    secret = create_secret(path)
    path.write_text(secret.hex().upper())
    assert load_secret(path) == secret


DAMAGED = {
    "no PEM": b"not a key",
    "cut off": b"-----BEGIN PUBLIC KEY-----\nMCow",
    "no base64": b"-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----\n",
    "another form": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "no text": bytes(range(256)),
    "too long": b"A" * 5000,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_public_key_is_to_be_had_where_it_was_made(tmp_path: Path, content: bytes) -> None:
    """A terminal has no backup of the centre's; and `openssl genpkey` makes a key that nobody signs with."""
    path = tmp_path / "ledger.pem"
    path.write_bytes(content)
    with pytest.raises(KeyFileError) as raised:
        load_public(path, LEDGER_ORIGIN)
    assert str(raised.value).endswith(f"; {LEDGER_ORIGIN}")
    with pytest.raises(KeyFileError) as raised:
        load_sealing(path)
    assert "central evidence key" in str(raised.value)
    assert "backup" not in str(raised.value)


@pytest.mark.parametrize("content", [DAMAGED["no PEM"], DAMAGED["no text"]])
def test_a_damaged_private_key_is_to_be_had_from_a_backup_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "identity"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="restore it from your backup"):
        load_identity(path)
