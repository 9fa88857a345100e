"""Key files: the terminal's Ed25519 identity, the pinned public keys, and the storage key.

Identities are PKCS#8 and public keys SubjectPublicKeyInfo, both PEM, as RFC 8410 defines them, so that openssl
reads them. For Ed25519, every byte before the key is fixed, so one prefix for each form replaces an ASN.1 parser.
No message ever quotes the content of a file.
"""

import base64
import binascii
import os
import re
import secrets
import stat
import struct
import textwrap
from pathlib import Path

from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from edge.crypto import curve_points
from edge.errors import KeyFileError
from edge.storage import durable_file
from edge.storage.bounded_read import read_at_most

SECRET_BYTES = 32
"""Length of the storage key, and of an Ed25519 seed."""
KEYS_CREATE = "make it with `smartclocker keys create`"
_MAX_FILE = 4_096
_PKCS8_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
"""RFC 8410 §7: OneAsymmetricKey version 0, id-Ed25519, OCTET STRING in an OCTET STRING."""
_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""RFC 8410 §4: AlgorithmIdentifier id-Ed25519, BIT STRING without unused bits."""
_SPKI_X25519 = bytes.fromhex("302a300506032b656e032100")
"""The same with id-X25519."""
_BACKUP = "restore it from your backup"
"""The cure for a private key that is damaged: only a backup has it."""
_GIVEN = "give the key exactly as it was made; for a terminal's key, run `smartclocker keys show` there"
"""The cure for a public key that is damaged: the side that made it still has it."""
_NO_POINT = "32 bytes that are not a point of the curve, so nobody has the private key"
_PEM = re.compile(
    r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----",
    re.ASCII,
)
_ACL_XATTR = "system.posix_acl_access"
_ACL_OWNER, _ACL_USER, _ACL_MASK = 0x01, 0x02, 0x10
"""Entry tags of linux/posix_acl.h; an entry is (u16 tag, u16 permissions, u32 id) after a u32 version."""


def create_identity(path: Path) -> SigningKey:
    """Make a new Ed25519 identity at `path` (0600), durable on return. Never overwrites. Raises KeyFileError."""
    key = SigningKey.generate()
    _create(path, _pem("PRIVATE KEY", _PKCS8_PREFIX + bytes(key)))
    return key


def load_identity(path: Path, origin: str = KEYS_CREATE) -> SigningKey:
    """Read an identity; `origin` is the cure when it is missing: where the file comes from.

    Raises KeyFileError when it is missing, exposed to others, or not an Ed25519 PKCS#8 PEM.
    """
    der = _der(_read_private(path, origin), "PRIVATE KEY", str(path), _BACKUP)
    form = "`openssl genpkey -algorithm ed25519` makes the right form"
    return SigningKey(_raw_key(der, _PKCS8_PREFIX, str(path), form))


def public_pem(key: VerifyKey) -> str:
    """The public key as SubjectPublicKeyInfo PEM, which `openssl pkey -pubin` reads."""
    return _pem("PUBLIC KEY", _SPKI_PREFIX + bytes(key))


def load_public(source: Path | str, origin: str = _GIVEN) -> VerifyKey:
    """Read a public key from a file, or from PEM text; `origin` is the cure when it is bad: where the file comes
    from.

    Raises KeyFileError.
    """
    if isinstance(source, str) and "-----BEGIN" in source:
        text, name = source, "public key"
    else:
        name = str(source)
        text = _public_text(source, origin)
    der = _der(text, "PUBLIC KEY", name, origin)
    key = VerifyKey(_raw_key(der, _SPKI_PREFIX, name, origin))
    if not curve_points.is_key(key):
        raise KeyFileError(f"{name}: {_NO_POINT}; {origin}")
    return key


def sealing_pem(key: PublicKey) -> str:
    """An X25519 public key as SubjectPublicKeyInfo PEM; evidence images are sealed to it."""
    return _pem("PUBLIC KEY", _SPKI_X25519 + bytes(key))


def load_sealing(path: Path) -> PublicKey:
    """Read an X25519 public key.

    Raises KeyFileError, also for an Ed25519 key, because nobody could open an image that is sealed to it.
    """
    origin = "copy the .pem there that `smartclocker central evidence key` made"
    text = _public_text(path, origin)
    der = _der(text, "PUBLIC KEY", str(path), origin)
    if len(der) != len(_SPKI_X25519) + SECRET_BYTES or not der.startswith(_SPKI_X25519):
        raise KeyFileError(f"{path}: not an X25519 public key; {origin}")
    key = PublicKey(der[len(_SPKI_X25519) :])
    if not curve_points.can_be_sealed_to(key):
        raise KeyFileError(f"{path}: {_NO_POINT}; {origin}")
    return key


def create_secret(path: Path) -> bytes:
    """Make a new 32-byte storage key at `path` (hex, 0600), durable on return. Never overwrites. Raises
    KeyFileError.
    """
    secret = secrets.token_bytes(SECRET_BYTES)
    _create(path, secret.hex() + "\n")
    return secret


def load_secret(path: Path, origin: str = KEYS_CREATE) -> bytes:
    """Read a storage key. Raises KeyFileError when it is missing, exposed to others, or not 64 hex digits."""
    text = _read_private(path, origin).strip()
    if re.fullmatch(r"[0-9a-fA-F]{64}", text) is None:
        if origin != KEYS_CREATE:
            raise KeyFileError(f"{path}: not a key of 64 hex digits; give the file itself, not its .pem: {origin}")
        raise KeyFileError(
            f"{path}: not a storage key of 64 hex digits; restore it from your backup, or move it away and make "
            "a new one with `smartclocker keys create` (which cannot open the people who are enrolled)"
        )
    return bytes.fromhex(text)


def _create(path: Path, text: str) -> None:
    """Write a complete file or none, because a power cut must not leave half a key under the real name."""
    if not path.name:
        raise KeyFileError(f"{str(path)!r} names no file; give the path of the new key")
    durable_file.create(path, text.encode("ascii"), KeyFileError)


def _public_text(path: Path | str, origin: str) -> str:
    """The text of a file that anybody may read."""
    try:
        content = read_at_most(path, _MAX_FILE)
    except OSError as error:
        raise _unreadable(str(path), error, origin, secret=False) from error
    # outside of the try: its KeyFileError is an OSError too, but its text is final
    return _as_text(content, str(path), origin)


def _read_private(path: Path, origin: str) -> str:
    """The text of a file that only this user and root can read.

    The checks are made on the open file, so that nobody can exchange the file between the check and the read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # opening a FIFO must not block
    except OSError as error:
        raise _unreadable(str(path), error, origin) from error
    try:
        _refuse_exposed(descriptor, path)
        content = os.read(descriptor, _MAX_FILE + 1)
    except OSError as error:
        if isinstance(error, KeyFileError):
            raise
        raise _unreadable(str(path), error, origin) from error
    finally:
        os.close(descriptor)
    return _as_text(content, str(path), _BACKUP)


def _refuse_exposed(descriptor: int, path: Path) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(f"{path}: not a regular file; name the key file itself")
    if status.st_uid not in {0, os.geteuid()} and not _root_acts_for(status.st_uid, path):
        raise KeyFileError(f"{path}: owned by another user (uid {status.st_uid}); `chown {os.geteuid()} {path}`")
    if is_exposed(descriptor):
        raise KeyFileError(f"{path}: readable or writable by others; `chmod 600 {path}`")


def is_exposed(descriptor: int) -> bool:
    """Whether anybody but the owner may read or write an open file. A credential that systemd gives this user is
    not exposed.
    """
    exposed = os.fstat(descriptor).st_mode & 0o077
    return bool(exposed) and not (exposed == 0o040 and _acl_is_ours(descriptor))


def _root_acts_for(owner: int, path: Path) -> bool:
    """Whether this process is root and the file's owner, a service's user, owns its directory. That user has access
    to everything in the directory anyway.
    """
    return os.geteuid() == 0 and path.parent.stat().st_uid == owner


def _acl_is_ours(descriptor: int) -> bool:
    """Whether the group bit is only the mask of an access control list (ACL) that names nobody but this user and
    root.

    systemd gives the service's user access to a root-owned credential by such a list. The file's mode then shows
    the mask in place of the group's bits (credentials(7) promises 0400 and shows 0440).
    """
    try:
        raw = os.getxattr(descriptor, _ACL_XATTR)
    except OSError:
        return False
    for tag, permissions, who in struct.iter_unpack("<HHI", raw[4:]):
        harmless = tag in {_ACL_OWNER, _ACL_MASK} or (tag == _ACL_USER and who in {0, os.geteuid()})
        if permissions and not harmless:
            return False
    return True


def _as_text(content: bytes, name: str, cure: str) -> str:
    if len(content) > _MAX_FILE or not content.isascii():
        raise KeyFileError(f"{name}: not a key file (too long, or not text); {cure}")
    return content.decode("ascii")


def _unreadable(name: str, error: OSError, origin: str, *, secret: bool = True) -> KeyFileError:
    if isinstance(error, FileNotFoundError):
        return KeyFileError(f"{name}: does not exist; {origin}, or correct its path")
    if isinstance(error, PermissionError):
        cure = f"chown {os.geteuid()} {name}" if secret else f"chmod 644 {name}"
        return KeyFileError(f"{name}: not readable by uid {os.geteuid()}; `{cure}`")
    return KeyFileError(f"{name}: cannot be read ({error.strerror}); correct its path")


def _pem(label: str, der: bytes) -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def _der(text: str, label: str, name: str, cure: str) -> bytes:
    found = _PEM.fullmatch(text.strip())
    if found is None:
        raise KeyFileError(f"{name}: not a PEM key file, or a damaged one; {cure}")
    if found[1] != label:
        raise KeyFileError(f"{name}: holds a {found[1]}, not the {label} of an Ed25519 key; give the right file")
    try:
        return base64.b64decode(re.sub(r"\s", "", found[2]), validate=True)
    except (binascii.Error, ValueError):
        # `from None`, because the chained error may quote the key
        raise KeyFileError(f"{name}: a damaged PEM key file; {cure}") from None


def _raw_key(der: bytes, prefix: bytes, name: str, cure: str) -> bytes:
    if len(der) != len(prefix) + SECRET_BYTES or not der.startswith(prefix):
        raise KeyFileError(f"{name}: another algorithm than Ed25519, or a damaged key; {cure}")
    return der[len(prefix) :]
