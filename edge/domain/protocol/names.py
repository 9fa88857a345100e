"""The names that a person chooses at the centre: sites, terminals, readers of the broker, and the broker's own
hosts.

A name becomes a topic level and the common name of a certificate. The broker takes the user name and client id from
that common name.
"""

import ipaddress
import re

from edge.domain.protocol.fields import NAME

RESERVED = frozenset({"ledger", "roster", "authority"})
"""Names that no terminal may have, because the centre's own programs and the roster's topics have them."""
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_MAX_HOST = 253


def name(text: str, of: str = "name") -> str:
    """The text, if it is a valid name of a site or of another thing (`of`). Raises ValueError, whose text tells a
    valid form.
    """
    if NAME.fullmatch(text) is None:
        if text == "roster":
            raise ValueError(f"'roster' is reserved and cannot be the {of}; choose another")
        better = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:32]
        hint = f"; write {better}" if NAME.fullmatch(better) else ""
        raise ValueError(
            f"{text!r} is not a name of lower-case letters, digits and hyphens, 32 at most (the {of}){hint}"
        )
    return text


def site(text: str) -> str:
    """The text, if it is a valid name of a site. Raises ValueError."""
    return name(text, "site")


def terminal(text: str) -> str:
    """The text, if it is a valid name of a terminal. Raises ValueError, also for a reserved name."""
    if text in RESERVED:
        raise ValueError(f"{text!r} is reserved: a terminal cannot be called so; choose another name")
    return name(text, "terminal")


def instance(text: str) -> str:
    """The text, if it is a valid name of a second instance of the ledger. Raises ValueError."""
    return name(text, "instance")


def host(text: str) -> str:
    """A host in the form of a certificate: an address in its shortest form, or a DNS name in lower case.

    A name with letters outside ASCII becomes its IDNA form. Raises ValueError, also for a wildcard, because with a
    certificate for `*` any machine of the domain could pretend to be the broker.
    """
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        written = text.encode("idna").decode("ascii").lower().rstrip(".")
    except UnicodeError as error:
        raise ValueError(f"{text!r} is no host name; give one like broker.example, or an address") from error
    labels = written.split(".")
    # looks like an address and is not a valid one
    dotted = len(labels) > 1 and all(label.isdecimal() for label in labels)
    if len(written) > _MAX_HOST or dotted or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            f"{text!r} is no host name; give one like broker.example, or an address; no port, blank or wildcard"
        )
    return written


def port(text: str) -> int:
    """A TCP port. Raises ValueError."""
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) is None or not 1 <= int(text) <= 65_535:
        raise ValueError(f"{text!r} is no port; give a number from 1 to 65535, 8883 as a rule")
    return int(text)
