"""Names that a person gives at the centre: sites, terminals, readers of the broker, and the broker's own hosts.

A name becomes a level of a topic, the common name of a certificate, and by that the user and client of the broker.
"""

import ipaddress
import re

from edge.domain.protocol.fields import NAME

RESERVED = frozenset({"ledger", "roster", "authority"})
"""What no terminal may be called: the centre's own programs have them, and the roster's topics."""
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_MAX_HOST = 253


def name(text: str, of: str = "name") -> str:
    """A site's name, or another that no topic forbids. Raises ValueError, whose text says how to write it."""
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
    """A site's name. Raises ValueError."""
    return name(text, "site")


def terminal(text: str) -> str:
    """A terminal's name. Raises ValueError, for a reserved one too."""
    if text in RESERVED:
        raise ValueError(f"{text!r} is reserved: a terminal cannot be called so; choose another name")
    return name(text, "terminal")


def instance(text: str) -> str:
    """The name of another instance of the ledger. Raises ValueError."""
    return name(text, "instance")


def host(text: str) -> str:
    """A host as a certificate names it: an address in its shortest form, or a DNS name in lower case.

    A name with other letters than ASCII's becomes its IDNA form. Raises ValueError, for a wildcard too: a
    certificate for `*` would let any machine of that domain pass for the broker.
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
    dotted = len(labels) > 1 and all(label.isdecimal() for label in labels)  # an address that is none
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
