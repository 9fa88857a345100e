"""The claim token: 48 letters and digits that a person carries from the centre to a new terminal.

It holds a secret, by which the centre knows the terminal, and a pin: the beginning of the SHA-256 of the claim
server's certificate, by which the terminal knows the centre. Three bytes of a hash find typing errors. The text is
base32 (RFC 4648) in groups of four. It has no 0, 1 and 8; where somebody reads and types one of them, o, l or b is
meant.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from edge.errors import ClaimRefused

SECRET_BYTES = 13
"""104 bits."""
PIN_BYTES = 13
"""104 bits of the hash of the server's certificate."""
LETTERS = 48
"""Letters and digits of a token, without the hyphens."""
_VERSION = b"\x01"
_CHECK_BYTES = 3
_GROUP = 4
_MOST_TYPED = 400
"""Characters that are looked at: a token with any spaces and hyphens that somebody may type."""
_MEANT = str.maketrans("018", "olb")
_AGAIN = "type it again, or have `smartclocker central terminal add` make another one"


@dataclass(frozen=True, slots=True)
class ClaimToken:
    """One token. Neither `repr` nor an error text shows its secret."""

    secret: bytes = field(repr=False)
    pin: bytes

    @property
    def digest(self) -> str:
        """The hash (hex) by which the centre knows the token. The secret cannot be found from it."""
        return secret_digest(self.secret)

    def fits(self, certificate: bytes) -> bool:
        """Whether the pin is that of this certificate (DER)."""
        return hmac.compare_digest(self.pin, pin_of(certificate))

    def written(self) -> str:
        """The text to carry, in groups of four."""
        raw = _VERSION + self.secret + self.pin
        text = base64.b32encode(raw + _check(raw)).decode().lower()
        return "-".join(text[at : at + _GROUP] for at in range(0, LETTERS, _GROUP))


def read_token(typed: str) -> ClaimToken:
    """The token that somebody typed: in capitals or not, with or without spaces and hyphens.

    Raises ClaimRefused, whose text does not repeat what was typed.
    """
    text = re.sub(r"[\s-]+", "", typed[:_MOST_TYPED], flags=re.ASCII).lower().translate(_MEANT)
    if not text:
        raise ClaimRefused(f"no token was given; {_AGAIN}")
    if strange := re.sub(r"[a-z2-7]", "", text):
        raise ClaimRefused(f"the token has the character {strange[0]!a}, which no token has; {_AGAIN}")
    if len(text) != LETTERS:
        raise ClaimRefused(f"the token has {len(text)} letters and digits, and needs {LETTERS}; {_AGAIN}")
    raw = base64.b32decode(text.upper())
    body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    if not hmac.compare_digest(check, _check(body)):
        raise ClaimRefused(f"the token has a typing error; {_AGAIN}")
    if not body.startswith(_VERSION):
        raise ClaimRefused("the token is of a later version than this program; install the centre's version here")
    secret = body[1 : 1 + SECRET_BYTES]
    return ClaimToken(secret, body[1 + SECRET_BYTES :])


def pin_of(certificate: bytes) -> bytes:
    """The pin of a certificate (DER)."""
    return hashlib.sha256(certificate).digest()[:PIN_BYTES]


def secret_digest(secret: bytes) -> str:
    """The hash (hex) of a secret, which the centre stores instead of it."""
    return hashlib.sha256(b"smartclocker claim token v1\0" + secret).hexdigest()


def _check(raw: bytes) -> bytes:
    return hashlib.sha256(b"smartclocker claim token check v1\0" + raw).digest()[:_CHECK_BYTES]
