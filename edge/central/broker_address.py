"""The broker's host and port, from the centre's directory: for verbs to which they are not given, and for printed
advice.
"""

from ipaddress import ip_address
from pathlib import Path

from edge.central.broker import conf
from edge.central.ownership import read_own
from edge.central.setup import ALWAYS_NAMED, named_hosts
from edge.errors import KeyFileError

HOST, PORT = "localhost", 8883
"""The host and port where neither the command nor mosquitto.conf names one."""


def broker_options(host: str, port: int) -> list[str]:
    """`--host` and `--port`, each only if it differs from the default."""
    return [
        *(["--host", host] if host != HOST else []),
        *(["--port", str(port)] if port != PORT else []),
    ]


def reached(base: Path) -> tuple[str, int]:
    """Host and port by which a program on this machine reaches the broker of BASE's mosquitto.conf.

    If the file cannot be read, these are HOST and PORT, because a printed advice must not make the command fail.
    """
    try:
        configuration = read_own(base / "mosquitto.conf").decode()
    except (OSError, UnicodeDecodeError):
        return HOST, PORT
    port, _, address = (conf.value(configuration, "listener") or "").partition(" ")
    number = int(port) if port.isascii() and port.isdecimal() else PORT
    address = address.strip()
    return (HOST if not address or _is_here(address) else _certified(base, address)), number


def _is_here(address: str) -> bool:
    """Whether `localhost`, which the broker's certificate always names, reaches a broker that listens on this
    address.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address == HOST
    return found.is_unspecified or found.is_loopback


def _certified(base: Path, address: str) -> str:
    """The address, or a name for it if the certificate lacks it: programs connect only to a name in the
    certificate.
    """
    try:
        names = named_hosts(base / "pki" / "server.crt")
    except KeyFileError:
        return address
    return address if address in names else next((one for one in names if one not in ALWAYS_NAMED), address)
