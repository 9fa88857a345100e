"""The address of a claim server as a person writes it: a host, and a port if it is another than the usual one."""

from edge.domain.protocol import names

PORT = 8884
"""The port of a claim server where none is named."""


def read_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST`, `HOST:PORT`, or `[ADDRESS]:PORT` for an IPv6 address. Raises ValueError."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no address; write [2001:db8::1]:{PORT}")
        port = rest[1:]
        return names.host(host), names.port(port) if rest else PORT
    host, colon, port = text.partition(":")
    if ":" in port:  # an IPv6 address without brackets has no port
        return names.host(text), PORT
    return names.host(host), names.port(port) if colon else PORT
